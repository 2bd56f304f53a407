/**
 * @file `junit.xml` of a run: a suite a configuration, a case a task, so that a CI system shows which tasks could
 * not be answered. A wrong completion is a result, not a failure; judging a run is the gate's work.
 */

import { compareCodePoints } from '../../domain/text.js';
import {
  configurationLabel,
  isSameConfiguration,
  type Configuration,
  type TaskRecord,
} from '../../run/record.js';
import type { RunJson } from '../../run/run-json.js';
import { renderJUnit, type JUnitCase } from './junit.js';

/** The file; the order of the records does not matter. */
export function runJUnit(
  run: RunJson,
  configurations: readonly Configuration[],
  records: readonly TaskRecord[],
): string {
  const ordered = [...records].sort((a, b) => compareCodePoints(a.taskId, b.taskId));
  return renderJUnit(
    `llava-eval: ${run.spec.dataset.id}`,
    configurations.map((configuration) => ({
      name: configurationLabel(configuration, run.spec.topK),
      timestamp: run.startedAt,
      cases: ordered.filter((record) => isSameConfiguration(record, configuration)).map(caseOf),
    })),
  );
}

function caseOf(record: TaskRecord): JUnitCase {
  const common = { name: record.taskId, group: record.repository };
  switch (record.status) {
    case 'scored': {
      const { ttftColdMs, decodeMs } = record.timing;
      return { ...common, outcome: 'passed', seconds: (ttftColdMs + decodeMs) / 1000 };
    }
    case 'failed':
      return { ...common, outcome: 'error', message: `${record.error.stage}: ${record.error.message}` };
    case 'skipped':
      return {
        ...common,
        outcome: 'skipped',
        message: `the prompt of ${record.promptTokens} tokens is longer than the model allows`,
      };
  }
}
