// Compiles test files for `scripts/test.mjs`, each into one file that holds the sources it imports as well.
//
// Loading sources through tsx costs each test process more than a second of processor time, and there are nearly
// two hundred of them. Packages stay outside, so a test loads them as the program does.

import { readFile, rm } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/**
 * The address that a source takes itself for. A file of a test looks for other files around its own source. A file of
 * the program looks around the built file, where the sources of its child processes are JavaScript.
 */
function addressOf(path) {
  const [top, ...rest] = relative(ROOT, path).split(sep);
  const own = top === 'src' ? join(ROOT, 'dist', ...rest).replace(/\.ts$/, '.js') : path;
  return pathToFileURL(own).href;
}

const ownAddresses = {
  name: 'own addresses',
  setup(compiler) {
    compiler.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8');
      return {
        contents: text.replaceAll('import.meta.url', JSON.stringify(addressOf(path))),
        loader: 'ts',
      };
    });
  },
};

/**
 * Compiles test files.
 *
 * @param entries The source of each compiled file, by the path of the compiled file without `.js`.
 * @param folder Emptied first. It must be inside of the project, so that packages are found.
 */
export async function compileTests(entries, folder) {
  await rm(folder, { recursive: true, force: true });
  await build({
    entryPoints: entries,
    outdir: folder,
    absWorkingDir: ROOT,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    charset: 'utf8',
    keepNames: true,
    sourcemap: 'linked',
    plugins: [ownAddresses],
    logLevel: 'warning',
  });
}
