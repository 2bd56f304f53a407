/**
 * @file Reads files of predictions: `{task_id, pred}` lines, one completion a task, in any order.
 */

import { z } from 'zod';
import { DataError } from '../../domain/errors.js';
import { parseLine, readLines } from '../rows/jsonl.js';

/** One completion, as some program left it. */
export interface Prediction {
  readonly taskId: string;
  /** Raw: cutting is up to the metric profile. */
  readonly completion: string;
  /** 1-based line of the file. */
  readonly line: number;
}

const predictionSchema = z.object({ task_id: z.string().min(1, 'it is empty'), pred: z.string() });

const FIELD_REASONS = {
  task_id: 'predictions are joined to references by this id, never by their order',
  pred: 'this is the completion to score',
};

const SKIP_HINT = 'mend the line, or pass --skip-invalid to leave such lines out (they are counted)';

/**
 * The predictions of a file, streamed.
 *
 * @param onInvalid Told of each line that cannot be used, which is then left out; without it the first
 *                  such line is thrown.
 * @throws {DataError} If the file cannot be read; if a line is damaged or repeats a task id and
 *                     `onInvalid` is null.
 */
export async function* readPredictions(
  file: string,
  onInvalid: ((problem: DataError) => void) | null,
): AsyncGenerator<Prediction> {
  const lineOfId = new Map<string, number>();
  for await (const line of readLines(file)) {
    try {
      const { task_id: id, pred } = parseLine(file, line, predictionSchema, FIELD_REASONS, SKIP_HINT);
      const earlier = lineOfId.get(id);
      if (earlier !== undefined) {
        throw new DataError(
          `${file}:${line.line}: task_id "${id}" was predicted before, on line ${earlier}`,
          ['which of the two counts cannot be decided here; keep one', SKIP_HINT],
        );
      }
      lineOfId.set(id, line.line);
      yield { taskId: id, completion: pred, line: line.line };
    } catch (error) {
      if (!(error instanceof DataError) || onInvalid === null) throw error;
      onInvalid(error);
    }
  }
}
