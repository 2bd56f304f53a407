/**
 * @file Makes ONNX Runtime sessions; the settings that every session of this project shares.
 *
 * This file knows devices and threads, not models. It throws the errors of ONNX Runtime; `session.ts` explains them to
 * the user.
 */

import { env, InferenceSession } from './runtime.js';

import type { Device } from '../../inference/device.js';

export interface SessionSettings {
  readonly device: Device;
  /** Threads inside one operator, CPU only. */
  readonly threads: number;
  /** Outputs that stay on the device, where {@link keepsOutputs}; elsewhere this is ignored. */
  readonly outputsOnDevice?: readonly string[];
  /** Where the runtime writes its profile: this prefix, a time stamp, `.json`. Off if absent. */
  readonly profilePrefix?: string;
}

/** ORT_LOGGING_LEVEL_ERROR: warnings about single nodes are of no use to a user. */
const LOG_ERRORS = 3;

/** Whether outputs can stay on a device and be fed again from there. On other devices they come to the host. */
export function keepsOutputs(device: Device): boolean {
  return device === 'webgpu';
}

/**
 * Loads a model from bytes, or from a file if its weights lie in a second one.
 *
 * A provider that is not part of the installed runtime throws here. A kernel that the provider lacks does not throw:
 * its node runs on the CPU.
 */
export function loadSession(
  model: Uint8Array | string,
  settings: SessionSettings,
): Promise<InferenceSession> {
  // Read once by the runtime, before its first session.
  env.logLevel = 'error';
  const { device, threads, outputsOnDevice = [], profilePrefix } = settings;
  const options: InferenceSession.SessionOptions = {
    executionProviders: [device],
    graphOptimizationLevel: 'all',
    executionMode: 'sequential',
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    logSeverityLevel: LOG_ERRORS,
    ...(keepsOutputs(device) && outputsOnDevice.length > 0
      ? { preferredOutputLocation: Object.fromEntries(outputsOnDevice.map((name) => [name, 'gpu-buffer'])) }
      : {}),
    ...(profilePrefix === undefined ? {} : { enableProfiling: true, profileFilePrefix: profilePrefix }),
  };
  return typeof model === 'string'
    ? InferenceSession.create(model, options)
    : InferenceSession.create(model, options);
}
