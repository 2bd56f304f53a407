/**
 * @file `expanded`: the first M chunks as text, the others as soft tokens (`--expand M`).
 *
 * The text is the published block of the M best chunks within the cross-file budget. The soft tokens of the others
 * follow it. So a prompt is a list of parts, ids or vectors, in any order.
 *
 * Source: REFRAG (arXiv:2509.01092) mixes text and vectors of chunks, and chooses which chunks are text by a policy.
 */

import { crossFileBlock } from '../prompt/cross-file-block.js';
import { partsPipeline } from './parts.js';
import type { Pipeline, PipelineResources } from './pipeline.js';

export function expandedPipeline(resources: PipelineResources): Pipeline {
  const { expandedChunks } = resources;
  return partsPipeline('expanded', resources, async ({ language }, chunks, tools) => {
    const [shown, others] = [chunks.slice(0, expandedChunks), chunks.slice(expandedChunks)];
    return [
      { kind: 'text', text: crossFileBlock(shown, language) },
      { kind: 'vectors', vectors: await tools.softTokens(others) },
    ];
  });
}
