/**
 * @file Where a model runs.
 */

export const DEVICES = ['cpu', 'webgpu', 'cuda', 'dml', 'coreml'] as const;
export type Device = (typeof DEVICES)[number];

/** What a user may ask for: a device by name, or the best one that is usable. */
export const DEVICE_REQUESTS = ['auto', ...DEVICES] as const;
export type DeviceRequest = (typeof DEVICE_REQUESTS)[number];

/** Number format of the weights inside the built graph; activations follow it. */
export const DTYPES = ['fp32', 'fp16'] as const;
export type Dtype = (typeof DTYPES)[number];
