/**
 * @file Turns the telemetry of ONNX Runtime off, before its native library is loaded.
 *
 * Since 1.30 every process that loads the library looks up a host of its maker, keeps a queue of events under the
 * user's cache folder and leaves logs in the folder for temporary files, also while latency is measured. The library
 * reads this variable when it is loaded. Child processes inherit it.
 *
 * Source: onnxruntime 1.30, `core/platform/posix/telemetry.cc`.
 */

process.env['ORT_DISABLE_TELEMETRY'] = '1';
