/**
 * @file How long the embedded model was trained: what its `bundle.json` says, for the reader of a report.
 */

import { EMBEDDED_FOLDER } from '../../hub/embedded.js';
import { readBundle } from '../../model/folder/bundle.js';

/**
 * A clause to follow "The embedded model is tiny", with the version that this program carries; "" where its
 * description does not say.
 *
 * @throws {ModelError} If the description cannot be read.
 * @example embeddedTraining() // => '; version 0.3.0 was trained for 3.1 hours on 2 CPU cores'
 */
export function embeddedTraining(): string {
  const { training, version } = readBundle(EMBEDDED_FOLDER);
  if (training === undefined) return '';
  return `; version ${version} was trained for ${training.hours} hours on ${training.device}`;
}
