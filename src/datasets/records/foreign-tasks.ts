/**
 * @file Tasks that do not belong to the repository beside them.
 */

import type { Dataset } from '../dataset.js';

/**
 * A sentence for each task whose text is not in the file that it names: the repository is another version
 * of it. Repositories are looked at one after the other and not kept.
 */
export async function* findStrangers(dataset: Dataset): AsyncGenerator<string> {
  for (const { repository: name, isMissing } of dataset.sources) {
    if (isMissing) continue;
    const { files } = await dataset.repository(name);
    const texts = new Map(files.map((file) => [file.path, file.text]));
    for (const task of dataset.tasks) {
      if (task.repository !== name) continue;
      const text = texts.get(task.path);
      const own = `${task.prefix}${task.reference}${task.suffix}`;
      if (text === undefined || text.includes(own) || text.includes(own.replace(/\r\n?/g, '\n'))) continue;
      yield `${task.id}: its text is not in ${task.path} of ${name}; the repository is another version`;
    }
  }
}
