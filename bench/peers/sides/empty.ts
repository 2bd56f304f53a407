/** @file Node itself: what a process needs before it holds anything of a side. */

import { serve } from './serve.js';

serve(() => ({ answer: () => null }));
