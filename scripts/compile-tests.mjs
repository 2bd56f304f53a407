// Compiles test files for `scripts/test.mjs`, each into one file that holds the sources it imports as well.
//
// Loading sources through tsx costs each test process more than a second of processor time, and there are nearly
// two hundred of them. Packages stay outside, so a test loads them as the program does.

import { readFile, rm } from 'node:fs/promises';
import { join, relative, resolve, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

/** This project. */
const PROJECT = fileURLToPath(new URL('..', import.meta.url));

/**
 * The address that a source takes itself for. A file of a test looks for other files around its own source. A file of
 * the program looks around the built file, where the sources of its child processes are JavaScript.
 */
function addressOf(path, root) {
  const [top, ...rest] = relative(root, path).split(sep);
  const own = top === 'src' ? join(root, 'dist', ...rest).replace(/\.ts$/, '.js') : path;
  return pathToFileURL(own).href;
}

function ownAddresses(root) {
  return {
    name: 'own addresses',
    setup(compiler) {
      compiler.onLoad({ filter: /\.m?ts$|\/scripts\/.*\.mjs$/ }, async ({ path }) => {
        const text = await readFile(path, 'utf8');
        const address = JSON.stringify(addressOf(path, root));
        return { contents: text.replace(/import\.meta\.url/g, () => address), loader: 'ts' };
      });
    },
  };
}

const TOGETHER = 'together:';

/** Entries that stand for several sources: they import one after the other. */
function together(several, root) {
  return {
    name: 'together',
    setup(compiler) {
      compiler.onResolve({ filter: /^together:/ }, ({ path }) => ({
        path: path.slice(TOGETHER.length),
        namespace: 'together',
      }));
      compiler.onLoad({ filter: /.*/, namespace: 'together' }, ({ path }) => ({
        contents: several
          .get(path)
          .map((source) => `import ${JSON.stringify(resolve(root, source))};`)
          .join('\n'),
        resolveDir: root,
        loader: 'ts',
      }));
    },
  };
}

/**
 * Compiles test files.
 *
 * @param entries The sources of each compiled file in `root`, one or several, by the path of the compiled file in
 *   `folder` without `.js`.
 * @param folder Emptied first. It must be inside of `root`, so that packages are found.
 * @param root The root folder of the project, or of a copy of it.
 */
export async function compileTests(entries, folder, root = PROJECT) {
  await rm(resolve(root, folder), { recursive: true, force: true });
  const several = new Map();
  const entryPoints = Object.entries(entries).map(([out, sources]) => {
    if (sources.length === 1) return { in: sources[0], out };
    several.set(out, sources);
    return { in: `${TOGETHER}${out}`, out };
  });
  await build({
    entryPoints,
    outdir: folder,
    absWorkingDir: root,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    charset: 'utf8',
    keepNames: true,
    sourcemap: 'linked',
    plugins: [together(several, root), ownAddresses(root)],
    logLevel: 'warning',
  });
}
