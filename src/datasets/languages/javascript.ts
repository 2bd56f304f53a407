/**
 * @file JavaScript: parsed by TypeScript's compiler. A name is from another file if an import or a `require` of
 * it leads there.
 */

import type { LanguageKind } from './lines/language.js';

export const javascript: LanguageKind = {
  name: 'javascript',
  names: {
    test: /\.(test|spec|test-d|bench|stories|e2e)\.[cm]?jsx?$/,
    generated: /\.(generated|gen|min)\.[cm]?jsx?$/,
  },
  load: async () => (await import('./ecmascript/find-in-project.js')).ecmascriptLines,
};
