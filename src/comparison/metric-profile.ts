/**
 * @file The metric profile of a run, with a parser where it needs one.
 */

import type { CompletionTask } from '../domain/task.js';
import type { MetricProfile, MetricProfileName } from '../metrics/profile.js';
import { metricProfile, parsesPython } from '../metrics/registry.js';

/** The metric profile for these tasks. The parser of Python is loaded only where it is needed. */
export async function openMetricProfile(
  name: MetricProfileName,
  tasks: readonly Pick<CompletionTask, 'language'>[],
): Promise<MetricProfile> {
  if (!parsesPython(name) || tasks.every(({ language }) => language !== 'python')) {
    return metricProfile(name, null);
  }
  const { loadPythonParser } = await import('../parsing/python.js');
  return metricProfile(name, await loadPythonParser());
}
