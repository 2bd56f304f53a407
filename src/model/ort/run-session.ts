/**
 * @file One run of a session, with errors told apart that mean something for the work that follows.
 *
 * A device that is gone fails every further run, so the work must end. A run that lacked memory says nothing about the
 * next one, whose prompt may be shorter.
 */

import { DeviceLostError, messageOf } from '../../domain/errors.js';
import type { InferenceSession } from './runtime.js';

/**
 * How the providers say that the device is gone.
 *
 * Source: Dawn and Vulkan (WebGPU), dxgi.h (DirectML), driver_types.h (CUDA: errors after which only a new process helps).
 */
const LOST: readonly RegExp[] = [
  /\bdevice (?:is |was |has been )?(?:lost|removed|hung)\b/i,
  /VK_ERROR_DEVICE_LOST/,
  /DXGI_ERROR_DEVICE_(?:REMOVED|HUNG|RESET)/,
  /CUDA (?:failure|error):? (?:46|100|101|214|700|702|714|716|717|718|719|999)\b/i,
  /illegal memory access was encountered|unspecified launch failure|uncorrectable ECC error/i,
];

/** How the providers, the allocator and Node say that there was not enough memory. */
const OUT_OF_MEMORY: readonly RegExp[] = [
  /\bout of (?:device |host |video )?memory\b/i,
  /bad_alloc|failed to allocate|allocation failed/i,
  /E_OUTOFMEMORY|VK_ERROR_OUT_OF_(?:HOST|DEVICE)_MEMORY/,
  /CUDA (?:failure|error):? 2\b/i,
];

/**
 * Runs a graph once.
 *
 * @param outputs Those that are wanted; all by default.
 * @throws {DeviceLostError} If the device is gone.
 * @throws {Error} What the runtime throws; it begins with "out of memory" where that is the reason.
 */
export async function runSession(
  session: Pick<InferenceSession, 'run'>,
  feeds: InferenceSession.FeedsType,
  outputs?: readonly string[],
): Promise<InferenceSession.OnnxValueMapType> {
  try {
    return await (outputs === undefined ? session.run(feeds) : session.run(feeds, outputs));
  } catch (error) {
    const message = messageOf(error);
    if (LOST.some((pattern) => pattern.test(message))) {
      throw new DeviceLostError(`the device was lost while a model ran on it: ${message}`, [
        'a driver that was restarted, a card that fell off the bus or another process may be the reason',
        'what was recorded is kept; look at the device, then continue with --resume',
      ]);
    }
    if (OUT_OF_MEMORY.some((pattern) => pattern.test(message))) {
      throw new Error(
        `out of memory: ${message}; a shorter prompt needs less (--max-prompt-tokens, --context-tokens, --top-k)`,
        { cause: error },
      );
    }
    throw error;
  }
}
