/**
 * @file Where the bundle lies that comes with this program.
 */

import { fileURLToPath } from 'node:url';

/** The bundle in this package. */
export const EMBEDDED_FOLDER = fileURLToPath(new URL('../../models/llavacode-nano', import.meta.url));
