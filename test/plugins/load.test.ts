import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { formatNamed } from '../../src/datasets/formats/all.js';
import { PluginError } from '../../src/domain/errors.js';
import { sha256 } from '../../src/domain/hash.js';
import { scoreCompletion } from '../../src/metrics/profile.js';
import { describeProfile, metricProfile } from '../../src/metrics/registry.js';
import { basesOf, kindOf } from '../../src/pipelines/kinds.js';
import { pluginDescriptionSchema } from '../../src/plugins/description.js';
import { loadPlugins } from '../../src/plugins/load.js';
import { partsOf, retrieverNamed } from '../../src/retrieval/kinds.js';

const folder = mkdtempSync(join(tmpdir(), 'llava-eval-plugins-'));
after(() => {
  rmSync(folder, { recursive: true });
});
writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');

let written = 0;
/** A plug-in with this source, under a name of its own: a process runs a module once. */
function plugin(source: string, name = `plugin-${written++}.js`): string {
  const path = join(folder, name);
  writeFileSync(path, source);
  return path;
}

const pipeline = (name: string, more = ''): string =>
  `{ defines: 'llava-eval/pipeline@1', name: '${name}', title: 'a test', prepare: () => [], ${more} }`;

const refusal =
  (...patterns: readonly RegExp[]) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof PluginError);
    for (const pattern of patterns) assert.match(error.render(), pattern);
    return true;
  };

describe('a plug-in that is loaded', () => {
  test('is described by its files, the versions of its packages, and what it brings', async () => {
    const helper = 'export const two = 2;\n';
    writeFileSync(join(folder, 'helper.js'), helper);
    mkdirSync(join(folder, 'node_modules', 'some-package'), { recursive: true });
    writeFileSync(
      join(folder, 'node_modules', 'some-package', 'package.json'),
      '{ "name": "some-package", "version": "3.2.1", "type": "module", "exports": "./index.js" }',
    );
    writeFileSync(join(folder, 'node_modules', 'some-package', 'index.js'), 'export const three = 3;\n');
    const source = `import { join } from 'node:path';
import { two } from './helper.js';
import { three } from 'some-package';
export default ${pipeline('described', `needs: { softTokens: two + three === 5 ? 'length' : 'none' }`)};
`;
    const [description] = await loadPlugins([plugin(source, 'described.js')]);
    assert.ok(description !== undefined);
    assert.deepEqual(description, pluginDescriptionSchema.parse(description));
    assert.equal(description.file, 'described.js');
    assert.deepEqual(description.files, {
      'described.js': sha256(source),
      'helper.js': sha256(helper),
    });
    assert.deepEqual(description.packages, { 'some-package': '3.2.1' });
    assert.deepEqual(description.pipelines, [kindOf('described')]);
    assert.deepEqual(kindOf('described').needs, { retrieval: true, softTokens: 'length' });
    // What it left out: baseline and full text.
    assert.deepEqual(basesOf('described'), [
      { base: 'no-context', reading: 'baseline' },
      { base: 'full-rag', reading: 'full-text' },
    ]);
  });

  test('brings several kinds of things, each under its name', async () => {
    await loadPlugins([
      plugin(`export default [
  { defines: 'llava-eval/retriever@1', name: 'longest', title: 'length',
    index: (chunks) => () => chunks.map(({ text }) => text.length) },
  { defines: 'llava-eval/metric-profile@1', name: 'any-case', version: 2, rule: 'any case',
    extras: [{ name: 'sameLength', title: 'same length' }],
    compared: (completion) => completion.toLowerCase(),
    score: (compared, { reference }) => ({
      exactMatch: compared === reference.toLowerCase() ? 1 : 0,
      extras: { sameLength: compared.length === reference.length ? 1 : 0 },
    }) },
  { defines: 'llava-eval/record-format@1', name: 'two-fields', title: 'two fields', needs: [['before', 'line']],
    read: ({ before, line }, { index }) => [{ id: String(index), repository: 'r', path: 'a.ts', language: 'typescript',
      prefix: before, reference: line, suffix: '', crossFile: null }] },
];`),
    ]);
    assert.equal(retrieverNamed('longest+bm25'), 'bm25+longest');
    assert.deepEqual(partsOf('bm25+longest'), ['bm25', 'longest']);
    // The program's own retrievers together are called as before.
    assert.equal(retrieverNamed('bm25+unixcoder+jaccard'), 'hybrid');
    const profile = metricProfile('any-case', null);
    assert.equal(profile.version, 'any-case@2');
    assert.match(describeProfile('any-case@2'), /^any case; ES is 1 - Levenshtein/);
    // ES of "ab" and "Ab": one of two characters differs. EM asks for lower case alone.
    assert.deepEqual(scoreCompletion(profile, 'AB', { prefix: '', reference: 'Ab', language: 'python' }), {
      exactMatch: 1,
      editSimilarity: 0.5,
      extras: { sameLength: 1 },
    });
    const [found] = formatNamed('two-fields').read(
      { where: 'f:1', value: { before: 'a', line: 'b' } },
      {
        split: 'f',
        index: 7,
        withShipped: false,
        advice: '',
        deviate: () => undefined,
        readColumns: null,
        countOf: () => 1,
      },
    );
    assert.deepEqual([found!.task.id, found!.task.prefix, found!.task.reference], ['7', 'a', 'b']);
  });

  test('may be loaded again by the same process, and not after it was changed', async () => {
    const path = plugin(`export default ${pipeline('again')};`);
    assert.deepEqual(await loadPlugins([path]), await loadPlugins([path]));
    writeFileSync(path, `export default ${pipeline('again-changed')};`);
    await assert.rejects(loadPlugins([path]), refusal(/was changed since this process loaded it/));
  });
});

describe('a plug-in that cannot be used is refused by its name', () => {
  const cases: readonly (readonly [what: string, source: string, ...patterns: RegExp[]])[] = [
    ['without a default export', 'export const mine = 1;', /has no default export/, /it exports mine/],
    ['with an empty list', 'export default [];', /exports nothing/],
    [
      'with something else',
      'export default { name: "x" };',
      /default\.defines: expected what definePipeline/,
    ],
    [
      'with a field of the wrong type',
      `export default [${pipeline('fine')}, ${pipeline('odd', 'needs: { softTokens: 3 }')}];`,
      /default\[1\]\.needs\.softTokens: /,
    ],
    ['with a misspelt field', `export default ${pipeline('misspelt', 'tittle: 1')};`, /default: .*tittle/],
    ['with a name of capitals', `export default ${pipeline('Mine')};`, /default\.name: expected lower case/],
    ['that throws', 'throw new Error("no weights here");', /cannot be loaded: no weights here/],
    ['with an error of syntax', 'export default {', /cannot be loaded: /],
    ['that lacks a package', 'import "no-such-package"; export default [];', /no-such-package/],
    [
      'that lacks a file of its own',
      'import "./none.js"; export default [];',
      /imports .*none\.js, which cannot/,
    ],
    [
      'with a pipeline of the program',
      `export default ${pipeline('compressed')};`,
      /pipeline compressed: the program itself has a pipeline compressed/,
    ],
    [
      'with a retriever of the program',
      `export default { defines: 'llava-eval/retriever@1', name: 'hybrid', title: 't', index: () => () => [] };`,
      /retriever hybrid: the program itself/,
    ],
    [
      'compared with nothing that is there',
      `export default ${pipeline('lost', `against: [{ pipeline: 'nobody', reading: 'baseline' }]`)};`,
      /pipeline lost: is compared with nobody, which is none/,
    ],
  ];
  for (const [what, source, ...patterns] of cases) {
    test(what, async () => {
      const path = plugin(source);
      const named = new RegExp(`^plug-in ${path.replaceAll('.', '\\.')}: `);
      await assert.rejects(loadPlugins([path]), refusal(named, ...patterns));
    });
  }

  test('that is not there, or is given twice', async () => {
    await assert.rejects(
      loadPlugins([join(folder, 'none-at-all.js')]),
      refusal(/none-at-all\.js: cannot be read/),
    );
    const path = plugin(`export default ${pipeline('twice')};`);
    await assert.rejects(loadPlugins([path, path]), refusal(/is given twice/));
  });

  test('whose name another plug-in has, and then nothing of either is known', async () => {
    const [a, b] = [1, 2].map((i) =>
      plugin(`export default [${pipeline('shared')}, ${pipeline(`own-${i}`)}];`),
    );
    await assert.rejects(
      loadPlugins([a!, b!]),
      refusal(/pipeline shared: .*plugin-\d+\.js has a pipeline shared, too/),
    );
    // Nothing describes it: the row is that of a name that is not known.
    assert.equal(kindOf('own-1').title, 'own-1');
  });
});
