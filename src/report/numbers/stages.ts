/**
 * @file The stages that make the cold TTFT, in the order in which they happen.
 */

export const STAGES = ['retrieve', 'tokenize', 'encode', 'project', 'prefill'] as const;
export type Stage = (typeof STAGES)[number];

/** A number a stage. Calls of the decoder while a prompt is made are a stage of the runs that have them. */
export type ByStage<T> = Readonly<Record<Stage, T>> & { readonly model?: T };

/** The stages of some rows, in the order in which they happen. */
export function stagesOf(rows: readonly ByStage<unknown>[]): readonly (keyof ByStage<unknown>)[] {
  const isModelAsked = rows.some(({ model }) => model !== undefined);
  return STAGES.flatMap((stage) => (stage === 'prefill' && isModelAsked ? ['model', stage] : [stage]));
}
