/**
 * @file Where a model runs.
 */

export const DEVICES = ['cpu', 'webgpu', 'cuda', 'dml', 'coreml'] as const;
export type Device = (typeof DEVICES)[number];

/** Where a decoder runs: on a device of this machine, or on a server that runs vLLM. */
export type DecoderPlace = Device | 'vllm';

/** What a user may ask for: a device by name, or the best one that is usable. */
export const DEVICE_REQUESTS = ['auto', ...DEVICES] as const;
export type DeviceRequest = (typeof DEVICE_REQUESTS)[number];

/**
 * Number format of a decoder; `docs/models.md` says what is rounded in each.
 *
 * `fp32` and `fp16` hold for encoders too; with the other formats they run in fp32.
 */
export const DTYPES = ['fp32', 'fp16', 'int8', 'int4', 'int8-dynamic'] as const;
export type Dtype = (typeof DTYPES)[number];
