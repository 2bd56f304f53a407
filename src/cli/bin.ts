/**
 * @file Entry of the executable: the command line and the process, nothing else.
 */

import { main } from './main.js';
import { processShell } from './terminal/shell.js';

await main(process.argv, processShell());
