// Bundles what `tsc` built into few files: dist/program/cli.js, which bin/llava-eval.js starts, and
// dist/program/library.js, which `import ... from 'llava-eval'` gives. Part of `npm run build`.
//
// The program has more than four hundred files. Node takes longer to find and link them one by one than to run most
// commands, and both bundles share their parts, so that a plug-in reaches the lists of the program that loads it.

import { readFile, rm } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const FOLDER = join(ROOT, 'dist', 'program');

/** A file of the program looks for other files around itself, so it keeps the address that it had alone. */
const ownAddresses = {
  name: 'own addresses',
  setup(bundler) {
    bundler.onLoad({ filter: /\.js$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8');
      const own = JSON.stringify(relative(FOLDER, path).split(sep).join('/'));
      return { contents: text.replaceAll('import.meta.url', `new URL(${own}, import.meta.url).href`) };
    });
  },
};

await rm(FOLDER, { recursive: true, force: true });
await build({
  entryPoints: { cli: 'dist/cli/bin.js', library: 'dist/library/index.js' },
  outdir: FOLDER,
  absWorkingDir: ROOT,
  bundle: true,
  splitting: true,
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
