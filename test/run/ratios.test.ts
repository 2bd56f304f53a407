import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { configurations, counterpart } from '../../src/run/configurations.js';
import { configurationLabel, isSameConfiguration, pipelineKey, recordKey } from '../../src/run/record.js';

const AXES = {
  pipelines: ['no-context', 'full-rag', 'budget-rag', 'compressed'],
  retrievers: ['bm25'],
  topK: [5],
};

describe('compression ratios', () => {
  test('multiply the rows of pipelines that obey them, and no others', () => {
    const rows = configurations({ ...AXES, compressionRatio: [2, 4] });
    assert.deepEqual(
      rows.map((row) => configurationLabel(row, [5])),
      ['no-context', 'full-rag/bm25', 'budget-rag/bm25 2x', 'budget-rag/bm25 4x', 'compressed/bm25'],
    );
    assert.equal(configurations(AXES).length, 4);
  });

  test('keep rows, records and pipelines apart, and leave those without one as they were', () => {
    const [, , two, four] = configurations({ ...AXES, compressionRatio: [2, 4] });
    assert.ok(!isSameConfiguration(two!, four!));
    assert.equal(recordKey('t', two!), '["t","budget-rag","bm25",5,2]');
    assert.equal(pipelineKey(two!), 'budget-rag 2x');
    const plain = { pipeline: 'budget-rag', retriever: 'bm25', topK: 5 };
    assert.ok(!isSameConfiguration(plain, two!));
    assert.equal(recordKey('t', plain), '["t","budget-rag","bm25",5]');
    assert.equal(pipelineKey(plain), 'budget-rag');
  });

  test('are compared at the same ratio, and with soft tokens only where there is none', () => {
    const at4 = { pipeline: 'signatures-rag', retriever: 'bm25', topK: 5, compressionRatio: 4 };
    assert.deepEqual(counterpart(at4, 'budget-rag'), { ...at4, pipeline: 'budget-rag' });
    assert.deepEqual(counterpart(at4, 'full-rag'), { pipeline: 'full-rag', retriever: 'bm25', topK: 5 });
    assert.deepEqual(counterpart(at4, 'no-context'), { pipeline: 'no-context', retriever: null, topK: null });
    // budget-rag at a ratio is no base of compressed: the base would have to have no ratio.
    const soft = { pipeline: 'compressed', retriever: 'bm25', topK: 5 };
    assert.deepEqual(counterpart(soft, 'budget-rag'), { ...soft, pipeline: 'budget-rag' });
  });
});
