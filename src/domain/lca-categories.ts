/**
 * @file The categories of lines in Long Code Arena, which its records and its scores have in common.
 */

/**
 * The lists of a record in their published spelling and order.
 *
 * Source: JetBrains-Research/lca-baselines `project_level_code_completion/`; the data set's card.
 */
export const LCA_CATEGORIES = [
  'committed',
  'inproject',
  'infile',
  'common',
  'non_informative',
  'random',
] as const;
