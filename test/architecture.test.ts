import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, test } from 'node:test';

const SRC = fileURLToPath(new URL('../src', import.meta.url));

/** Layer of each folder, as ARCHITECTURE.md has them; a file imports only from its own layer or a lower one. */
const LAYERS: Readonly<Record<string, number>> = {
  domain: 0,
  tensor: 1,
  metrics: 1,
  retrieval: 1,
  prompt: 1,
  onnx: 1,
  archive: 2,
  download: 2,
  hub: 2,
  datasets: 2,
  parsing: 2,
  tokenizer: 2,
  model: 2,
  pipelines: 3,
  run: 4,
  report: 5,
  gate: 5,
  cli: 6,
};

/** Interfaces that pure code may know although their implementations are at the edge. */
const INTERFACES = new Set([
  'tokenizer/tokenizer.ts',
  'model/decoder.ts',
  'model/encoder.ts',
  'model/projector.ts',
  'model/device.ts',
]);

/** The one home of each third-party package; zod checks foreign data wherever it enters. */
const HOMES: Readonly<Record<string, RegExp>> = {
  'onnxruntime-node': /^model\/ort\//,
  '@huggingface/hub': /^hub\/api\.ts$/,
  '@huggingface/tokenizers': /^tokenizer\/hf\.ts$/,
  jstat: /^metrics\/distributions\.ts$/,
  'fast-levenshtein': /^metrics\/edit-similarity\.ts$/,
  'cli-table3': /^report\/table\.ts$/,
  'cli-progress': /^cli\/progress\.ts$/,
  commander: /^cli\//,
  'js-tiktoken': /^tokenizer\/codex\.ts$/,
  'p-limit': /^datasets\/npm-lines\.ts$/,
  'env-paths': /^datasets\/cache-dir\.ts$/,
  tar: /^archive\/read\.ts$/,
  yauzl: /^archive\/zip/,
  'xz-decompress': /^archive\/read\.ts$/,
  hyparquet: /^datasets\/parquet\.ts$/,
  'hyparquet-compressors': /^datasets\/parquet\.ts$/,
  'web-tree-sitter': /^parsing\/python\.ts$/,
  'tree-sitter-python': /^parsing\/python\.ts$/,
  typescript: /^datasets\/typescript-lines\.ts$/,
  vega: /^report\/charts\//,
  diff: /^report\/page\/diff\.ts$/,
  undici: /^download\/fetch\.ts$/,
  zod: /^/,
};

/** A static import or re-export, one on demand, or a package of which only a file is used. */
const IMPORT =
  /^(?:import|export)\s[^;]*?from '([^']+)';$|\bimport\('([^']+)'\)|\.resolve\('([^'/]+)\/[^']+'\)/gm;

interface Import {
  readonly from: string;
  readonly specifier: string;
}

const imports: Import[] = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .map((name) => name.replaceAll('\\', '/'))
  .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'))
  .flatMap((from) =>
    [...readFileSync(join(SRC, from), 'utf8').matchAll(IMPORT)].map((found) => ({
      from,
      specifier: found[1] ?? found[2] ?? found[3]!,
    })),
  );

/** `js-tiktoken/lite` and `@scope/name/sub` belong to `js-tiktoken` and `@scope/name`. */
const packageOf = (specifier: string): string => /^(@[^/]+\/)?[^/]+/.exec(specifier)![0];

const layerOf = (file: string): number => (INTERFACES.has(file) ? 1 : LAYERS[file.split('/')[0]!]!);

describe('the source tree', () => {
  test('has imports to look at', () => {
    assert.ok(imports.length > 200, `${imports.length} imports found`);
  });

  test('only looks down: no file imports from a higher layer', () => {
    const upward = imports.flatMap(({ from, specifier }) => {
      if (!specifier.startsWith('.')) return [];
      const target = posix.join(dirname(from), specifier).replace(/\.js$/, '.ts');
      return layerOf(target) > layerOf(from) ? [`${from} -> ${target}`] : [];
    });
    assert.deepEqual(upward, []);
  });

  test('gives every third-party package one home', () => {
    const strays = imports.flatMap(({ from, specifier }) => {
      if (specifier.startsWith('.') || specifier.startsWith('node:')) return [];
      const home = HOMES[packageOf(specifier)];
      return home?.test(from) === true ? [] : [`${from} -> ${specifier}`];
    });
    assert.deepEqual(strays, []);
  });

  test('uses every dependency it declares', () => {
    const manifest = readFileSync(join(SRC, '..', 'package.json'), 'utf8');
    const { dependencies } = JSON.parse(manifest) as { dependencies: Record<string, string> };
    const used = new Set(imports.map(({ specifier }) => packageOf(specifier)));
    assert.deepEqual(
      Object.keys(dependencies).filter((name) => !used.has(name)),
      [],
    );
  });
});
