/**
 * @file The script of `report.html`. Everything but the task explorer is there without it.
 */

import { learnPipelineKind } from '../../pipelines/kinds.js';
import type { PackedTasks } from '../page-data/packed-tasks.js';
import { startExplorer } from './explorer.js';
import { startScrollHints } from './scroll-hints.js';
import { startSorting } from './sort.js';
import { startTheme } from './theme.js';

startTheme();
startSorting();
startScrollHints();
const data = document.getElementById('tasks-data');
// Written by `html/document.ts` of the same version, into the same file.
if (data !== null) {
  const tasks = JSON.parse(data.textContent) as PackedTasks;
  tasks.kinds?.forEach(learnPipelineKind);
  startExplorer(tasks);
}
