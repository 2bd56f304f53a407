/**
 * @file ONNX Runtime, loaded without telemetry: the one place that imports it.
 *
 * Modules are evaluated in the order of these lines, so the first one comes before the native library.
 */

import './no-telemetry.js';

export { env, InferenceSession, listSupportedBackends, Tensor } from 'onnxruntime-node';
