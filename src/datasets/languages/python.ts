/**
 * @file Python: parsed by tree-sitter. A name is from another file if Python's scopes lead from it to an import
 * of that file.
 */

import type { LanguageKind } from './lines/language.js';

export const python: LanguageKind = {
  name: 'python',
  names: {
    test: /(^|\/)(_tests?\/|(test_[^/]*|[^/]*_test|conftest)\.py$)/,
    generated: /_pb2(_grpc)?\.py$/,
  },
  load: async () => (await import('./python/find-lines.js')).loadPythonLines(),
};
