/**
 * @file The metric profile of a run, with a parser where it needs one.
 */

import type { CompletionTask } from '../domain/task.js';
import type { MetricProfile } from '../metrics/profile.js';
import { metricProfileKind, type MetricProfileName } from '../metrics/registry.js';

/** The metric profile for these tasks. The parser of Python is loaded only where it is needed. */
export async function openMetricProfile(
  name: MetricProfileName,
  tasks: readonly Pick<CompletionTask, 'language'>[],
): Promise<MetricProfile> {
  const kind = metricProfileKind(name);
  if (!tasks.some((task) => kind.needsPythonParser(task))) return kind.open(null);
  const { loadPythonParser } = await import('../parsing/python.js');
  return kind.open(await loadPythonParser());
}
