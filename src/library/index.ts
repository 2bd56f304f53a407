/**
 * @file The public library: what `import … from 'llava-eval'` gives. docs/library.md describes it.
 *
 * Nothing else of this package is meant to be imported. What is here keeps its meaning within a major version.
 */

export {
  definePipeline,
  defineRetriever,
  defineMetricProfile,
  defineRecordFormat,
} from '../plugins/definition.js';
export { runComparison } from './run-comparison.js';
export { trainProjector } from './train-projector.js';
export { openRun } from './open-run.js';
export { compareRuns, gate, score } from './calls.js';
export {
  DataError,
  DownloadError,
  EXIT,
  JournalError,
  ModelError,
  PluginError,
  UsageError,
  UserError,
} from '../domain/errors.js';

export type {
  ChunkScorer,
  IndexedChunk,
  MetricProfileDefinition,
  PipelineDefinition,
  PipelineTools,
  PluginPart,
  RecordedTask,
  RecordFormatDefinition,
  RetrieverDefinition,
  RowPlace,
  VisibleTask,
} from '../plugins/definition.js';
export type { ComparisonEvent } from '../comparison/events.js';
export type { ComparisonRequest } from '../comparison/request.js';
export type { ComparisonOutcome } from '../comparison/run-comparison.js';
export type { TrainRequest } from '../comparison/train/request.js';
export type { TrainOutcome } from '../comparison/train/train.js';
export type { FolderComparison } from '../comparison/compare.js';
export type { GateRequest, Judgement } from '../comparison/gate.js';
export type { ScoreRequest } from '../comparison/score.js';
export type { RetrievedChunk } from '../domain/chunk.js';
export type { ProfileReport, TaskScore } from '../metrics/profile.js';
export type { Summary, SummaryRow } from '../report/numbers/summary.js';
export type { Configuration, ScoredRecord, TaskRecord } from '../run/record.js';
export type { RunJson } from '../run/run-json.js';
export type { TaskEvidence } from '../run/task-evidence.js';
export type { OpenedRun } from './open-run.js';
export type { RunSurroundings } from './surroundings.js';
export type { Scores } from './calls.js';
