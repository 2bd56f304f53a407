/**
 * @file How many lines are cut out of a folder, unless something else is asked for. Apart from the parser, which
 * is larger than the rest of the program together.
 */

/** As many as RepoEval has per repository. */
export const DEFAULT_LINES = 200;
export const DEFAULT_SEED = 0;
