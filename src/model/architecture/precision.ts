/**
 * @file What a dtype means for a graph.
 */

import type { Precision } from '../../onnx/linear.js';
import type { Dtype } from '../../inference/device.js';

/** Number formats of a decoder's graph; the other models take only the element type from it. */
export function precisionOf(dtype: Dtype): Precision {
  switch (dtype) {
    case 'fp32':
      return { type: 'float32', matrices: 'float' };
    case 'fp16':
      return { type: 'float16', matrices: 'float' };
    case 'int8':
    case 'int4':
    case 'int8-dynamic':
      return { type: 'float32', matrices: dtype };
  }
}
