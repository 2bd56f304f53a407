/**
 * @file The kinds of pipelines: one row each, with all that other code asks about a pipeline.
 *
 * Other code asks a row, never a name: what to load for a run (`needs`), what to compare with what (`against`,
 * `isBaseOf`), what a report is about (`subjectRank`), how a page puts a prompt together again (`shows`), and which
 * pipeline stands for an idea of the report (`role`). A pipeline is one row here, one file beside this one, and one
 * line in `all.ts`.
 *
 * The order of the rows is the order of lists, of comparisons, and of the looks that charts and pages give (a look
 * follows from the position alone). A new row goes to the end, so that the looks of the others stay.
 *
 * The pipelines of plug-ins have rows too. A row of a plug-in is known as soon as the plug-in is loaded, or as soon as a
 * run folder or a page that describes it is read. In a process, a name means one thing: the latest row counts.
 *
 * This file holds data and questions to it, so that the page's script can hold it too.
 * Longer than 400 lines because every pipeline has its row here.
 */

import { Registry } from '../domain/registry.js';

/**
 * What a report takes a pipeline for. One pipeline has each of them.
 *
 * - `no-retrieval`: the decoder without anything that was retrieved. Gains of retrieval are measured from here.
 * - `full-text`: what was retrieved as text, at full length. Reductions of TTFT are measured against it, and its gain
 *   over `no-retrieval` is what other pipelines win back a share of.
 * - `soft-tokens`: what was retrieved as soft tokens: the compression that the program was made to judge.
 */
export const PIPELINE_ROLES = ['no-retrieval', 'full-text', 'soft-tokens'] as const;
export type PipelineRole = (typeof PIPELINE_ROLES)[number];

/**
 * What the comparison of a pipeline with a base tells, in the order in which a reader asks.
 *
 * - `full-text`: the base shows the same chunks as text, at full length: what does the pipeline save and lose?
 * - `equal-length`: the base has the same prompt length: which of the two makes more of an equal latency?
 * - `baseline`: the base shows nothing of other files: what does retrieval bring?
 * - `control`: the base lacks what the pipeline is meant to work by: does the gain vanish with it?
 */
export const READINGS = ['full-text', 'equal-length', 'baseline', 'control'] as const;
export type Reading = (typeof READINGS)[number];

/**
 * One part of what a prompt shows of other files.
 *
 * - `commented-text`: the start of the published block of the chunks (`prompt/cross-file-block.ts`, `crossFileBlock`).
 * - `bare-text`: the start of the code of the chunks alone (`bareBlock`).
 * - `own-text`: text that the pipeline makes in its own way; the record of the prompt holds it.
 * - `soft-tokens`: places that hold soft tokens.
 */
export const CONTEXT_FORMS = ['commented-text', 'bare-text', 'own-text', 'soft-tokens'] as const;
export type ContextForm = (typeof CONTEXT_FORMS)[number];

export const SOFT_TOKEN_NEEDS = ['vectors', 'length', 'none'] as const;
export type SoftTokenNeed = (typeof SOFT_TOKEN_NEEDS)[number];

/** How a pipeline stands to a base. */
export interface Relation<Name extends string = string> {
  readonly pipeline: Name;
  readonly reading: Reading;
}

/** One pipeline, described. */
export interface PipelineKind<Name extends string = string> {
  /** In flags, journals and reports. */
  readonly name: Name;
  /** A noun phrase for sentences: "NAME is TITLE", "NAME has the TITLE" of a control. */
  readonly title: string;
  /** Whether a run that names no pipeline has it. */
  readonly isDefault: boolean;
  readonly role: PipelineRole | null;
  readonly needs: {
    /** Chunks of a retriever. A pipeline without them runs once, not once per retriever and top-k. */
    readonly retrieval: boolean;
    /** `vectors`: an encoder and a projector. `length`: only how many soft tokens a chunk would have. */
    readonly softTokens: SoftTokenNeed;
    /** Probabilities of given ids, by which it chooses what it shows. */
    readonly scorer?: true;
    /** How many chunks are to be shown as text (`--expand`). */
    readonly expansion?: true;
  };
  /** It is given the chunks of another task of another repository: a control, which must not see its own. */
  readonly borrowsChunks?: true;
  /**
   * Whether it shows the tuned constant prompt of a run (`--soft-prompt`). `shared`, also where absent: if the run has one.
   * `never`: a plain base. `always`: it is about that prompt, so that a run without one refuses it.
   */
  readonly softPrompt?: 'shared' | 'never' | 'always';
  /** In the order of the prompt; empty for a prompt of the completed file alone. */
  readonly shows: readonly ContextForm[];
  /** The bases that this pipeline is compared with. */
  readonly against: readonly Relation<Name>[];
  /** The pipelines for which this one is a base. The relation stands in one of the two rows. */
  readonly isBaseOf: readonly Relation<Name>[];
  /** A report is about the pipeline of the lowest rank, the first of equals; null is never what it is about. */
  readonly subjectRank: number | null;
}

const ROWS = [
  {
    name: 'no-context',
    title: 'the file being completed and nothing else',
    isDefault: true,
    role: 'no-retrieval',
    needs: { retrieval: false, softTokens: 'none' },
    softPrompt: 'never',
    shows: [],
    against: [],
    isBaseOf: [],
    subjectRank: null,
  },
  {
    name: 'full-rag',
    title: 'full RAG',
    isDefault: true,
    role: 'full-text',
    needs: { retrieval: true, softTokens: 'none' },
    shows: ['commented-text'],
    against: [{ pipeline: 'no-context', reading: 'baseline' }],
    isBaseOf: [],
    subjectRank: 2,
  },
  {
    name: 'budget-rag',
    title: 'text RAG cut to the prompt length of compressed',
    isDefault: false,
    role: null,
    needs: { retrieval: true, softTokens: 'length' },
    shows: ['bare-text'],
    against: [{ pipeline: 'no-context', reading: 'baseline' }],
    isBaseOf: [{ pipeline: 'compressed', reading: 'equal-length' }],
    subjectRank: 3,
  },
  {
    name: 'compressed',
    title: 'soft tokens of the retrieved chunks',
    isDefault: true,
    role: 'soft-tokens',
    needs: { retrieval: true, softTokens: 'vectors' },
    shows: ['soft-tokens'],
    against: [
      { pipeline: 'no-context', reading: 'baseline' },
      { pipeline: 'full-rag', reading: 'full-text' },
    ],
    isBaseOf: [],
    subjectRank: 1,
  },
  {
    name: 'compressed-random',
    title: 'soft tokens of random vectors',
    isDefault: false,
    role: null,
    needs: { retrieval: true, softTokens: 'vectors' },
    shows: ['soft-tokens'],
    against: [{ pipeline: 'no-context', reading: 'baseline' }],
    isBaseOf: [{ pipeline: 'compressed', reading: 'control' }],
    subjectRank: 3,
  },
  {
    name: 'full-rag-shuffled',
    title: 'full RAG with the chunks of another task of another repository',
    isDefault: false,
    role: null,
    needs: { retrieval: true, softTokens: 'none' },
    borrowsChunks: true,
    shows: ['commented-text'],
    against: [{ pipeline: 'no-context', reading: 'baseline' }],
    isBaseOf: [{ pipeline: 'full-rag', reading: 'control' }],
    subjectRank: 3,
  },
  {
    name: 'compressed-shuffled',
    title: 'soft tokens of the chunks of another task of another repository',
    isDefault: false,
    role: null,
    needs: { retrieval: true, softTokens: 'vectors' },
    borrowsChunks: true,
    shows: ['soft-tokens'],
    against: [{ pipeline: 'no-context', reading: 'baseline' }],
    isBaseOf: [{ pipeline: 'compressed', reading: 'control' }],
    subjectRank: 3,
  },
  {
    name: 'soft-prompt',
    title: 'the file being completed behind the tuned constant prompt',
    isDefault: false,
    role: null,
    needs: { retrieval: false, softTokens: 'none' },
    softPrompt: 'always',
    shows: [],
    against: [{ pipeline: 'no-context', reading: 'baseline' }],
    isBaseOf: [
      { pipeline: 'full-rag', reading: 'baseline' },
      { pipeline: 'budget-rag', reading: 'baseline' },
      { pipeline: 'compressed', reading: 'baseline' },
      { pipeline: 'compressed-random', reading: 'baseline' },
      { pipeline: 'full-rag-shuffled', reading: 'baseline' },
      { pipeline: 'compressed-shuffled', reading: 'baseline' },
      { pipeline: 'signatures-rag', reading: 'baseline' },
      { pipeline: 'identifiers-rag', reading: 'baseline' },
      { pipeline: 'expanded', reading: 'baseline' },
      { pipeline: 'pruned-rag', reading: 'baseline' },
    ],
    subjectRank: 4,
  },
  {
    name: 'signatures-rag',
    title: 'what the retrieved chunks declare, in as many tokens',
    isDefault: false,
    role: null,
    needs: { retrieval: true, softTokens: 'length' },
    shows: ['own-text'],
    against: [
      { pipeline: 'no-context', reading: 'baseline' },
      { pipeline: 'budget-rag', reading: 'equal-length' },
    ],
    isBaseOf: [{ pipeline: 'compressed', reading: 'equal-length' }],
    subjectRank: 3,
  },
  {
    name: 'identifiers-rag',
    title: 'names of the retrieved chunks, in as many tokens',
    isDefault: false,
    role: null,
    needs: { retrieval: true, softTokens: 'length' },
    shows: ['own-text'],
    against: [
      { pipeline: 'no-context', reading: 'baseline' },
      { pipeline: 'budget-rag', reading: 'equal-length' },
    ],
    isBaseOf: [{ pipeline: 'compressed', reading: 'equal-length' }],
    subjectRank: 3,
  },
  {
    name: 'expanded',
    title: 'the best chunks as text and the others as soft tokens',
    isDefault: false,
    role: null,
    needs: { retrieval: true, softTokens: 'vectors', expansion: true },
    shows: ['own-text', 'soft-tokens'],
    against: [
      { pipeline: 'no-context', reading: 'baseline' },
      { pipeline: 'full-rag', reading: 'full-text' },
    ],
    isBaseOf: [],
    subjectRank: 3,
  },
  {
    name: 'pruned-rag',
    title: 'the lines that the decoder would miss most, in as many tokens',
    isDefault: false,
    role: null,
    needs: { retrieval: true, softTokens: 'length', scorer: true },
    shows: ['own-text'],
    against: [
      { pipeline: 'no-context', reading: 'baseline' },
      { pipeline: 'budget-rag', reading: 'equal-length' },
    ],
    isBaseOf: [{ pipeline: 'compressed', reading: 'equal-length' }],
    subjectRank: 3,
  },
] as const satisfies readonly PipelineKind[];

/** The names that have a line in `all.ts`. */
export type BuiltInPipelineName = (typeof ROWS)[number]['name'];

/** The name of a pipeline: of the program, of a plug-in, or of a run folder that other people made. */
export type PipelineName = string;

/** The rows of the program. A relation to a pipeline that has no row is a type error here. */
export const PIPELINE_KINDS: readonly PipelineKind<BuiltInPipelineName>[] = ROWS;

/** The names of the program's own pipelines, in the order of the rows. */
export const PIPELINES: readonly BuiltInPipelineName[] = PIPELINE_KINDS.map(({ name }) => name);

const KINDS = new Registry<PipelineKind>(PIPELINE_KINDS);

/** Every name that is known here: the rows of the program, then those of plug-ins. */
export function pipelineNames(): readonly PipelineName[] {
  return KINDS.names;
}

/**
 * Makes the row of a pipeline of a plug-in known. A row of the program stays as it is, so that a folder that was made
 * when a plug-in had the name can still be read.
 */
export function learnPipelineKind(kind: PipelineKind): void {
  if (!KINDS.isBuiltIn(kind.name)) KINDS.add(kind);
}

/** Those of a run that names none. */
export const DEFAULT_PIPELINES: readonly PipelineName[] = PIPELINE_KINDS.filter(
  ({ isDefault }) => isDefault,
).map(({ name }) => name);

/** The row of a pipeline. One of which nothing is known is taken for text RAG in a form of its own. */
export function kindOf(name: PipelineName): PipelineKind {
  return KINDS.find(name) ?? unknownKind(name);
}

/** A row for a name that a run folder holds and does not describe: a later version of the program made it. */
function unknownKind(name: string): PipelineKind {
  return {
    ...{ name, title: name, isDefault: false, role: null, isBaseOf: [], subjectRank: UNKNOWN_RANK },
    needs: { retrieval: true, softTokens: 'none' },
    shows: ['own-text'],
    against: [
      { pipeline: pipelineInRole('no-retrieval'), reading: 'baseline' },
      { pipeline: pipelineInRole('full-text'), reading: 'full-text' },
    ],
  };
}

/** That of other pipelines that a report would not be about by itself. */
const UNKNOWN_RANK = 3;

/** Whether a pipeline shows the decoder anything that was retrieved. */
export function usesRetrieval(name: PipelineName): boolean {
  return kindOf(name).needs.retrieval;
}

/** Whether a pipeline is given the chunks of another task. */
export function borrowsChunks(name: PipelineName): boolean {
  return kindOf(name).borrowsChunks === true;
}

/** Whether a pipeline shows the constant prompt of a run that has one. */
export function showsSoftPrompt(name: PipelineName): boolean {
  return kindOf(name).softPrompt !== 'never';
}

/** Whether a pipeline is about the constant prompt, so that a run needs one. */
export function needsSoftPrompt(name: PipelineName): boolean {
  return kindOf(name).softPrompt === 'always';
}

/** Whether a pipeline shows soft tokens, and so needs an encoder and a projector. */
export function usesSoftTokens(name: PipelineName): boolean {
  return kindOf(name).needs.softTokens === 'vectors';
}

/** Whether a pipeline shows no soft tokens, and yet needs to know how many a chunk would have. */
export function usesSoftLength(name: PipelineName): boolean {
  return kindOf(name).needs.softTokens === 'length';
}

/** Whether a pipeline asks the decoder for probabilities while it makes a prompt. */
export function usesScorer(name: PipelineName): boolean {
  return kindOf(name).needs.scorer ?? false;
}

/** Whether `--expand` says how many chunks a pipeline shows as text. */
export function usesExpansion(name: PipelineName): boolean {
  return kindOf(name).needs.expansion ?? false;
}

/**
 * Whether `--compression-ratio` says how much text a pipeline shows. Without a ratio, such a pipeline shows as much text
 * as soft tokens would take.
 */
export function obeysCompressionRatio(name: PipelineName): boolean {
  return usesSoftLength(name);
}

/** The pipeline that has a role. */
export function pipelineInRole(role: PipelineRole): PipelineName {
  const kind = PIPELINE_KINDS.find((one) => one.role === role);
  if (kind === undefined) throw new RangeError(`no row has the role ${role}`);
  return kind.name;
}

/** What one pipeline is compared with. */
export interface BaseOfPipeline {
  readonly base: PipelineName;
  readonly reading: Reading;
}

/** The bases of a pipeline, in the order of the rows. */
export function basesOf(name: PipelineName): BaseOfPipeline[] {
  const { against } = kindOf(name);
  return KINDS.items.flatMap((base): BaseOfPipeline[] => {
    const relation =
      against.find(({ pipeline }) => pipeline === base.name) ??
      base.isBaseOf.find(({ pipeline }) => pipeline === name);
    return relation === undefined ? [] : [{ base: base.name, reading: relation.reading }];
  });
}

/** What the comparison of a pipeline with another tells; null where the two are not compared. */
export function readingOf(name: PipelineName, base: PipelineName): Reading | null {
  return basesOf(name).find((one) => one.base === base)?.reading ?? null;
}

/** Whether some pipeline is compared with this one to see whether its gain vanishes. */
export function isControl(name: PipelineName): boolean {
  return KINDS.names.some((other) => readingOf(other, name) === 'control');
}

/** Of the given pipelines the one that a report is about; null if it can be about none of them. */
export function subjectOf(names: Iterable<string>): PipelineName | null {
  const given = new Set(names);
  const ranked = KINDS.items.filter(({ name, subjectRank }) => given.has(name) && subjectRank !== null);
  // Sorting is stable: of equal ranks the first row stays first.
  return ranked.sort((a, b) => subjectOrder(a) - subjectOrder(b))[0]?.name ?? null;
}

/**
 * Where a comparison stands in a list: smaller comes first. Comparisons of what a report would rather be about come
 * before others, and those of one pipeline in the order in which a reader asks; equals keep their order.
 */
export function readingRank(name: PipelineName, base: PipelineName): number {
  const reading = readingOf(name, base);
  const asked = reading === null ? READINGS.length : READINGS.indexOf(reading);
  return Math.min(subjectOrder(kindOf(name)), PIPELINES.length) * (READINGS.length + 1) + asked;
}

function subjectOrder({ subjectRank }: PipelineKind): number {
  return subjectRank ?? Infinity;
}

/**
 * Where the pipelines of a run stand among all: those with a row at its place, others at the places of rows that the run
 * does not have, the last place first, and behind all rows once none is left. Looks follow from it, so that pipelines of
 * one run look different as long as there are looks.
 *
 * @example positionsOf(['mine', 'no-context']) // => Map { 'mine' => 11, 'no-context' => 0 } beside twelve rows
 */
export function positionsOf(names: Iterable<string>): ReadonlyMap<string, number> {
  const rows: readonly string[] = PIPELINES;
  const given = [...new Set(names)];
  const free = [...rows.keys()].filter((row) => !given.includes(rows[row]!));
  let next = rows.length;
  return new Map(
    given.map((name) => {
      const row = rows.indexOf(name);
      return [name, row === -1 ? (free.pop() ?? next++) : row];
    }),
  );
}
