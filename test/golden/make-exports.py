"""Ready-made ONNX exports of a tiny random model, as users bring them, for test/model/export.test.ts.

    pip install torch==2.13.0 optimum-onnx==0.1.0 onnx onnxruntime
    python test/golden/make-exports.py            # writes test/golden/exports/*

Weights are random from a seed; the graphs are what the exporters make of them. Files are gzipped: a graph is
mostly names. What the tests compare with is the export itself, run as it is; no numbers are recorded.
"""

import gzip
import json
import shutil
import tempfile
from pathlib import Path

import onnx
import torch
from onnx import TensorProto, helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer
from onnxruntime.transformers.float16 import convert_float_to_float16
from optimum.exporters.onnx import onnx_export_from_model
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

OUT = Path(__file__).parent / "exports"
SIZES = dict(
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=1,
    num_attention_heads=2,
    num_key_value_heads=1,
    vocab_size=64,
    max_position_embeddings=128,
    initializer_range=0.3,
)


def exported(model, opset: int) -> Path:
    folder = Path(tempfile.mkdtemp())
    onnx_export_from_model(model.eval(), folder, task="text-generation-with-past", opset=opset)
    return folder


def store(name: str, model: onnx.ModelProto) -> None:
    # Documentation strings hold the exporter's stack traces: bulk without meaning.
    for node in model.graph.node:
        node.doc_string = ""
    del model.graph.value_info[:]
    (OUT / name).parent.mkdir(parents=True, exist_ok=True)
    with gzip.GzipFile(OUT / f"{name}.gz", "wb", mtime=0) as file:
        file.write(model.SerializeToString())


def with_embeddings(model: onnx.ModelProto) -> tuple[onnx.ModelProto, onnx.ModelProto]:
    """The layout of multi-modal exports: the lookup in a graph of its own."""
    table = next(t for t in model.graph.initializer if t.name == "model.embed_tokens.weight")
    lookup = helper.make_model(
        helper.make_graph(
            [helper.make_node("Gather", [table.name, "input_ids"], ["inputs_embeds"])],
            "embed_tokens",
            [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch_size", "sequence_length"])],
            [helper.make_tensor_value_info("inputs_embeds", TensorProto.FLOAT, ["batch_size", "sequence_length", 32])],
            [table],
        ),
        opset_imports=model.opset_import,
        ir_version=model.ir_version,
    )
    rest = onnx.ModelProto()
    rest.CopyFrom(model)
    graph = rest.graph
    gather = next(n for n in graph.node if n.op_type == "Gather" and n.input[0] == table.name)
    embedded = gather.output[0]
    graph.node.remove(gather)
    two = helper.make_tensor("two_sizes", TensorProto.INT64, [2], [0, 1])
    graph.initializer.append(two)
    for node in list(graph.node):
        for i, name in enumerate(node.input):
            if name == embedded:
                node.input[i] = "inputs_embeds"
        if node.op_type == "Shape" and node.input[0] == "input_ids":
            node.input[0] = "inputs_embeds"
            out = node.output[0]
            node.output[0] = f"{out}/all"
            at = list(graph.node).index(node)
            graph.node.insert(at + 1, helper.make_node("Gather", [f"{out}/all", "two_sizes"], [out]))
    ids = next(i for i in graph.input if i.name == "input_ids")
    graph.input.remove(ids)
    graph.input.insert(
        0, helper.make_tensor_value_info("inputs_embeds", TensorProto.FLOAT, ["batch_size", "sequence_length", 32])
    )
    onnx.checker.check_model(rest)
    return lookup, rest


def main() -> None:
    shutil.rmtree(OUT, ignore_errors=True)
    torch.manual_seed(20)
    qwen2 = Qwen2ForCausalLM(Qwen2Config(**SIZES, tie_word_embeddings=True))
    torch.manual_seed(21)
    llama = LlamaForCausalLM(LlamaConfig(**SIZES, tie_word_embeddings=False))

    folder = exported(qwen2, opset=18)
    plain = onnx.load(folder / "model.onnx")
    store("qwen2/onnx/model.onnx", plain)
    (OUT / "qwen2/config.json").write_text((folder / "config.json").read_text())

    quantized = folder / "model_quantized.onnx"
    quantize_dynamic(folder / "model.onnx", quantized, weight_type=QuantType.QInt8, op_types_to_quantize=["MatMul", "Gather"])
    store("qwen2/onnx/model_quantized.onnx", onnx.load(quantized))

    store("qwen2/onnx/model_fp16.onnx", convert_float_to_float16(onnx.load(folder / "model.onnx"), disable_shape_infer=True))

    four_bits = MatMulNBitsQuantizer(onnx.load(folder / "model.onnx"), block_size=16, is_symmetric=True)
    four_bits.process()
    store("qwen2/onnx/model_q4.onnx", four_bits.model.model)

    lookup, rest = with_embeddings(plain)
    store("embeds/onnx/embed_tokens.onnx", lookup)
    store("embeds/onnx/decoder_model.onnx", rest)
    (OUT / "embeds/config.json").write_text((folder / "config.json").read_text())

    folder = exported(llama, opset=14)
    with_data = onnx.load(folder / "model.onnx")
    onnx.save_model(
        with_data, folder / "beside.onnx", save_as_external_data=True, location="model.onnx_data", size_threshold=256
    )
    beside = onnx.load(folder / "beside.onnx", load_external_data=False)
    store("llama/model.onnx", beside)
    with gzip.GzipFile(OUT / "llama/model.onnx_data.gz", "wb", mtime=0) as file:
        file.write((folder / "model.onnx_data").read_bytes())
    (OUT / "llama/config.json").write_text((folder / "config.json").read_text())

    for path in sorted(OUT.rglob("*.gz")):
        print(path.relative_to(OUT), path.stat().st_size)
    print(json.loads((OUT / "qwen2/config.json").read_text())["model_type"], "done")


main()
