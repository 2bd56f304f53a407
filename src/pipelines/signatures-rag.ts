/**
 * @file `signatures-rag`: of the retrieved chunks what they declare, without the bodies.
 *
 * Imports, types, signatures and fields, best chunk first; a declaration that two chunks share stands there once. The
 * text has the length of the soft tokens of `compressed`, or what `--compression-ratio` says. A chunk in a language that
 * the parser does not read shows nothing, and a task in one cannot be answered.
 *
 * Source: hierarchical context pruning (arXiv:2406.18294) keeps declarations and drops bodies.
 */

import {
  DECLARING_LANGUAGES,
  loadDeclarationReader,
  type DeclarationReader,
} from '../parsing/declarations.js';
import { partsPipeline } from './parts.js';
import type { Pipeline, PipelineResources } from './pipeline.js';

export function signaturesRagPipeline(resources: PipelineResources): Pipeline {
  let loading: Promise<DeclarationReader> | null = null;
  const reader = (): Promise<DeclarationReader> => (loading ??= loadDeclarationReader());
  return partsPipeline(
    'signatures-rag',
    resources,
    async ({ language }, chunks) => {
      if (!DECLARING_LANGUAGES.some((one) => one === language)) {
        throw new RangeError(
          `no declarations of ${language} are known, only of ${DECLARING_LANGUAGES.join(', ')}`,
        );
      }
      const read = await reader();
      const declarations = new Set(chunks.flatMap(({ path, text }) => read(path, text)));
      return [{ kind: 'text', text: [...declarations].map((one) => `${one}\n`).join('') }];
    },
    async () => {
      await reader();
    },
  );
}
