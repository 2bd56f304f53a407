/**
 * @file TypeScript: parsed by its own compiler. A name is from another file if an import of it leads there.
 */

import type { LanguageKind } from './lines/language.js';

export const typescript: LanguageKind = {
  name: 'typescript',
  names: {
    test: /\.(test|spec|test-d|bench|stories|e2e)\.[cm]?tsx?$/,
    generated: /\.(generated|gen|min)\.[cm]?tsx?$/,
    declaration: /\.d\.([^./]+\.)?[cm]?ts$/,
  },
  load: async () => (await import('./ecmascript/find-in-project.js')).ecmascriptLines,
};
