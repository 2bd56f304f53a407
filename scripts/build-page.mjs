// Bundles the script and the style sheet of report.html into dist/report/page/, from where the program puts
// them into every report. Part of `npm run build`.

import { readFileSync } from 'node:fs';
import { build } from 'esbuild';

// The licence of the one package in the bundle, which its conditions ask to keep with every copy.
const licence = readFileSync('node_modules/diff/LICENSE', 'utf8').trim();

await build({
  entryPoints: ['src/report/page/main.ts', 'src/report/page/page.css'],
  outdir: 'dist/report/page',
  bundle: true,
  minify: true,
  format: 'iife',
  target: ['es2022', 'chrome111', 'firefox115', 'safari16.4'],
  charset: 'utf8',
  banner: { js: `/* Contains the package diff:\n${licence}\n*/` },
  logLevel: 'warning',
});
