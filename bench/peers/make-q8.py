"""Makes a Q8_0 file out of another GGUF file, so that a peer can be measured in both formats on the same weights.

    python -m venv .venv && .venv/bin/pip install gguf
    .venv/bin/python bench/peers/make-q8.py MODEL.gguf MODEL-q8_0.gguf

Matrices are dequantized and rounded anew to 8 bits, in blocks of 32. Vectors stay in F32.
"""

import sys

from gguf import GGMLQuantizationType, GGUFReader, GGUFValueType, GGUFWriter, dequantize, quantize

FILE_TYPE_MOSTLY_Q8_0 = 7
#: Written by the writer itself, or true of the source file alone.
OWN_KEYS = {"GGUF.version", "GGUF.tensor_count", "GGUF.kv_count", "general.architecture", "general.file_type"}


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    reader = GGUFReader(sys.argv[1])
    writer = GGUFWriter(sys.argv[2], reader.fields["general.architecture"].contents())
    writer.add_file_type(FILE_TYPE_MOSTLY_Q8_0)
    for name, field in reader.fields.items():
        if name in OWN_KEYS:
            continue
        kind = field.types[0]
        element = field.types[-1] if kind == GGUFValueType.ARRAY else None
        writer.add_key_value(name, field.contents(), kind, sub_type=element)
    for tensor in reader.tensors:
        numbers = dequantize(tensor.data, tensor.tensor_type)
        if numbers.ndim < 2:
            writer.add_tensor(tensor.name, numbers)
        else:
            codes = quantize(numbers, GGMLQuantizationType.Q8_0)
            writer.add_tensor(tensor.name, codes, raw_dtype=GGMLQuantizationType.Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


main()
