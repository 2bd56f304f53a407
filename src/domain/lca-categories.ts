/**
 * @file The categories of lines in Long Code Arena, which its records and its scores have in common.
 */

/**
 * The lists of a record in the order in which the published records hold them, which is that of the alphabet. The
 * harness goes through them in this order. The records spell the first of them `commited`.
 *
 * Source: JetBrains-Research/lca-baselines `project_level_code_completion/`; the records themselves.
 */
export const LCA_CATEGORIES = [
  'committed',
  'common',
  'infile',
  'inproject',
  'non_informative',
  'random',
] as const;
