/**
 * @file Finds the candidate lines of a repository in TypeScript or JavaScript.
 */

import type { LineFinder } from '../lines/language.js';
import { findLines, LINE_RULES_VERSION } from './find-lines.js';
import { createProjectResolver } from './project-resolver.js';

export const ecmascriptLines: LineFinder = {
  version: LINE_RULES_VERSION,
  find: (project) => findLines(project.files, createProjectResolver(project)),
};
