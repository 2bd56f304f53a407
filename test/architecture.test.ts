import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, test } from 'node:test';

const SRC = fileURLToPath(new URL('../src', import.meta.url));

/** Layer of each folder, as ARCHITECTURE.md has them; a file imports only from its own layer or a lower one. */
const LAYERS: Readonly<Record<string, number>> = {
  domain: 0,
  files: 1,
  tensor: 1,
  inference: 1,
  statistics: 1,
  metrics: 1,
  retrieval: 1,
  prompt: 1,
  generation: 1,
  onnx: 1,
  archive: 2,
  download: 2,
  hub: 2,
  datasets: 2,
  parsing: 2,
  tokenizer: 2,
  model: 2,
  serving: 2,
  inspection: 2,
  pipelines: 3,
  plugins: 3,
  run: 4,
  training: 4,
  probe: 4,
  report: 5,
  gate: 5,
  comparison: 6,
  library: 7,
  cli: 7,
};

/** The one home of each third-party package; zod checks foreign data wherever it enters. */
const HOMES: Readonly<Record<string, RegExp>> = {
  'onnxruntime-node': /^model\/ort\/runtime\.ts$/,
  '@huggingface/hub': /^hub\/api\.ts$/,
  '@huggingface/tokenizers': /^tokenizer\/hf\.ts$/,
  jstat: /^statistics\/distributions\.ts$/,
  'fast-levenshtein': /^metrics\/edit-similarity\.ts$/,
  'cli-table3': /^report\/terminal\/table\.ts$/,
  'cli-progress': /^cli\/terminal\/progress\.ts$/,
  commander: /^cli\//,
  'js-tiktoken': /^tokenizer\/codex\.ts$/,
  'p-limit': /^domain\/at-most\.ts$/,
  'env-paths': /^files\/cache-dir\.ts$/,
  tar: /^archive\/read\.ts$/,
  yauzl: /^archive\/zip/,
  'xz-decompress': /^archive\/read\.ts$/,
  hyparquet: /^datasets\/rows\/parquet(?:-pages)?\.ts$/,
  'hyparquet-writer': /^report\/data-files\/parquet\.ts$/,
  'csv-stringify': /^report\/data-files\/csv\.ts$/,
  'hyparquet-compressors': /^datasets\/rows\/parquet\.ts$/,
  'web-tree-sitter': /^parsing\//,
  'tree-sitter-python': /^parsing\/tree-sitter\.ts$/,
  '@vscode/tree-sitter-wasm': /^parsing\/tree-sitter\.ts$/,
  typescript: /^datasets\/languages\/ecmascript\//,
  vega: /^report\/charts\//,
  diff: /^report\/page\/diff\.ts$/,
  undici: /^download\/fetch\.ts$/,
  zod: /^/,
};

/** A static import or re-export, one on demand, or a package of which only a file is used. */
const IMPORT =
  /^(?:import|export)\s[^;]*?from '([^']+)';$|\bimport\('([^']+)'\)|\.resolve\('((?:@[^'/]+\/)?[^'/]+)\/[^']+'\)/gm;

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

const layerOf = (file: string): number => {
  const layer = LAYERS[file.split('/')[0]!];
  assert.ok(layer !== undefined, `${file} lies in a folder without a layer`);
  return layer;
};

const targetOf = ({ from, specifier }: Import): string =>
  posix.join(dirname(from), specifier).replace(/\.js$/, '.ts');

/** Files or folders that import each other in a circle, smallest name first; type imports count. */
function circles(edges: Iterable<readonly [string, string]>): string[] {
  const next = new Map<string, Set<string>>();
  for (const [from, to] of edges) {
    if (from === to) continue;
    const known = next.get(from);
    if (known === undefined) next.set(from, new Set([to]));
    else known.add(to);
  }
  const reachable = (start: string): Set<string> => {
    const found = new Set<string>();
    const open = [...(next.get(start) ?? [])];
    for (let name = open.pop(); name !== undefined; name = open.pop()) {
      if (found.has(name)) continue;
      found.add(name);
      open.push(...(next.get(name) ?? []));
    }
    return found;
  };
  const reach = new Map([...next.keys()].map((name) => [name, reachable(name)]));
  const inCircle = [...reach].filter(([name, found]) => found.has(name)).map(([name]) => name);
  const groups = inCircle.map((name) =>
    inCircle.filter((other) => reach.get(name)!.has(other) && reach.get(other)!.has(name)).sort(),
  );
  return [...new Set(groups.map((group) => group.join(' <-> ')))];
}

describe('the source tree', () => {
  test('has imports to look at', () => {
    assert.ok(imports.length > 200, `${imports.length} imports found`);
  });

  test('only looks down: no file imports from a higher layer', () => {
    const upward = imports.flatMap(({ from, specifier }) => {
      if (!specifier.startsWith('.')) return [];
      const target = targetOf({ from, specifier });
      return layerOf(target) > layerOf(from) ? [`${from} -> ${target}`] : [];
    });
    assert.deepEqual(upward, []);
  });

  const relative = imports.filter(({ specifier }) => specifier.startsWith('.'));

  test('holds no circle of files, type imports included', () => {
    assert.deepEqual(circles(relative.map((one) => [one.from, targetOf(one)])), []);
  });

  test('holds no circle of folders, each folder taken with its own files alone', () => {
    assert.deepEqual(circles(relative.map((one) => [dirname(one.from), dirname(targetOf(one))])), []);
  });

  test('holds no circle of rooms, each folder of src taken with all that lies in it', () => {
    const room = (file: string): string => file.split('/')[0]!;
    assert.deepEqual(circles(relative.map((one) => [room(one.from), room(targetOf(one))])), []);
  });

  test('would find a circle if there were one', () => {
    const edges = [...'ab bc ca cd dd'.split(' ')].map((edge): [string, string] => [edge[0]!, edge[1]!]);
    assert.deepEqual(circles(edges), ['a <-> b <-> c']);
  });

  test('has no file above 400 lines, unless its head says why', () => {
    const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.ts'),
    );
    assert.ok(files.length > 200, `${files.length} files found`);
    const long = files.flatMap((name) => {
      const lines = readFileSync(join(SRC, name), 'utf8').trimEnd().split('\n');
      const head = lines.slice(0, 40).join('\n');
      const hasReason = /^ ?\*? ?(?:.*[.:] )?Longer than 400 lines because \S/m.test(head);
      return lines.length <= 400 || hasReason ? [] : [`${name}: ${lines.length} lines`];
    });
    assert.deepEqual(long, []);
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
