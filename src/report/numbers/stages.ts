/**
 * @file The stages that make the cold TTFT, in the order in which they happen.
 */

export const STAGES = ['retrieve', 'tokenize', 'encode', 'project', 'prefill'] as const;
export type Stage = (typeof STAGES)[number];
