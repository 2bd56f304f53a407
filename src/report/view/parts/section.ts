/**
 * @file What a section of a report is made of, in no language yet: text, tables of cells, inputs of charts.
 */

import type { Verdict } from '../../../statistics/paired.js';
import type { ChartInput } from '../../charts/charts.js';

export interface Cell {
  readonly text: string;
  /** What the column is sorted by; null for nothing, which stands last. */
  readonly sort: number | string | null;
  readonly verdict?: Verdict;
}

export interface Column {
  readonly title: string;
  readonly kind: 'text' | 'number';
  /** Which direction is good. */
  readonly better?: 'higher' | 'lower';
}

export interface Table {
  /** What the table is, for those who hear it read. */
  readonly caption: string;
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly Cell[])[];
}

export interface Section {
  readonly id: string;
  readonly title: string;
  /** For a list of contents. */
  readonly short: string;
  readonly intro: readonly string[];
  readonly charts: readonly ChartInput[];
  readonly tables: readonly Table[];
  readonly notes: readonly string[];
}
