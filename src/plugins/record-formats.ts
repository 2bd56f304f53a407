/**
 * @file The record formats of plug-ins, as the program reads files in them.
 */

import { z } from 'zod';
import { addFormat } from '../datasets/formats/all.js';
import { defineFormat } from '../datasets/formats/format.js';
import { DataError } from '../domain/errors.js';
import { LANGUAGES } from '../domain/languages.js';
import { taskId } from '../domain/task.js';
import type { RecordFormatDefinition } from './definition.js';
import { guarded, type Origin } from './guard.js';

const taskSchema = z.strictObject({
  id: z.string().min(1),
  repository: z.string().min(1),
  path: z.string().min(1),
  language: z.enum(LANGUAGES),
  prefix: z.string(),
  reference: z.string(),
  suffix: z.string(),
  crossFile: z.boolean().nullable(),
  repositoryDir: z.exactOptional(z.string().min(1)),
});

/** Makes a record format of a plug-in known. @param path The plug-in, for messages. */
export function registerRecordFormat(definition: RecordFormatDefinition, path: string): void {
  const { name, title, needs } = definition;
  const origin: Origin = { path, what: `record format ${name}` };
  addFormat(
    defineFormat({
      ...{ name, title, needs },
      schema: z.record(z.string(), z.unknown()),
      reasons: {},
      tasks(record, { split, index, advice }, where) {
        try {
          return guarded(origin, () =>
            z.array(taskSchema).parse(definition.read(record, { split, index })),
          ).map(({ repositoryDir, id, ...task }) => ({
            task: { ...task, id: taskId(id) },
            ...(repositoryDir === undefined ? {} : { repositoryDir }),
          }));
        } catch (error) {
          throw new DataError(`${where}: ${problemOf(error)}`, [advice], { cause: error });
        }
      },
    }),
  );
}

/** The first complaint of a check, with the plug-in's name in front; or the message as it is. */
function problemOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (!(error.cause instanceof z.ZodError)) return error.message;
  const issue = error.cause.issues[0]!;
  const origin = error.message.slice(0, error.message.indexOf(error.cause.message));
  return `${origin}read returned ${issue.path.map(String).join('.') || 'no list of tasks'}: ${issue.message}`;
}
