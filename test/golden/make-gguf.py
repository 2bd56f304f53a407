"""Writes the GGUF files and expected results in test/golden/gguf/.

The references are the Python package of llama.cpp (`gguf`), Hugging Face transformers and SentencePiece; the
tests that read these files need none of them. Run from the root of the repository, with torch,
transformers 5, tokenizers, gguf, accelerate, safetensors and sentencepiece installed:

    python test/golden/make-gguf.py

- types.gguf: one tensor of each readable type. Its first row was quantized by the package where it can, else it
  is random blocks; its second row is random blocks. types-expected.safetensors: what the package makes of them.
- <model>.gguf: checkpoints of test/golden/models without loss, in the names and the order of rows of llama.cpp;
  expected logits are those of test/golden/models/expected.json. One is split in three.
- decoder.gguf: a whole decoder of random weights in mixed types, with a vocabulary of its own.
- spm.gguf: a SentencePiece vocabulary alone.
- expected.json: logits of decoder.gguf by transformers, ids of strings by tokenizer.
"""

import io
import json
import math
import random
import shutil
import sys
import tempfile
from pathlib import Path

import gguf
import numpy as np
import sentencepiece
import torch
from gguf import GGMLQuantizationType as Type
from gguf import GGUFWriter
from safetensors.numpy import save_file
from safetensors.torch import load_file
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers
from transformers import AutoModelForCausalLM, Qwen2Config
from transformers import logging as transformers_logging
from transformers.integrations.gguf import convert_gguf_tokenizer, get_gguf_tokenizer

HERE = Path(__file__).parent
MODELS = HERE / "models"
OUT = HERE / "gguf"
ROOT = HERE.parent.parent
transformers_logging.set_verbosity_error()

QUANTIZED_BY_PACKAGE = [Type.Q4_0, Type.Q4_1, Type.Q5_0, Type.Q5_1, Type.Q8_0]
K_TYPES = [Type.Q2_K, Type.Q3_K, Type.Q4_K, Type.Q5_K, Type.Q6_K]
# Bytes of each block that are fp16 numbers: scales and minima.
HALVES = {
    Type.Q4_0: [0], Type.Q4_1: [0, 2], Type.Q5_0: [0], Type.Q5_1: [0, 2], Type.Q8_0: [0],
    Type.Q2_K: [80, 82], Type.Q3_K: [108], Type.Q4_K: [0, 2], Type.Q5_K: [0, 2], Type.Q6_K: [208],
}


def finite_halves(count: int, random_numbers: np.random.Generator) -> np.ndarray:
    """fp16 patterns of all magnitudes, subnormal ones included, but neither infinite nor NaN."""
    bits = random_numbers.integers(0, 0x10000, count, dtype=np.uint16)
    return np.where((bits & 0x7C00) == 0x7C00, bits & 0x83FF, bits).astype(np.uint16)


def random_blocks(type: Type, columns: int, random_numbers: np.random.Generator) -> np.ndarray:
    numbers, size = gguf.GGML_QUANT_SIZES[type]
    blocks = random_numbers.integers(0, 256, (columns // numbers, size), dtype=np.uint8)
    for at in HALVES[type]:
        blocks[:, at:at + 2] = finite_halves(len(blocks), random_numbers).view(np.uint8).reshape(-1, 2)
    return blocks.reshape(1, -1)


def write_types() -> None:
    columns = 512
    random_numbers = np.random.default_rng(1)
    writer = GGUFWriter(OUT / "types.gguf", "qwen2")
    expected = {}
    normal = random_numbers.standard_normal((1, columns)).astype(np.float32)
    plain = random_numbers.integers(0, 1 << 32, (2, columns), dtype=np.uint32)
    plain = np.where((plain & 0x7F800000) == 0x7F800000, plain & 0x807FFFFF, plain).astype(np.uint32)
    writer.add_tensor("F32", plain.view(np.float32))
    expected["F32"] = plain.view(np.float32)
    halves = finite_halves(2 * columns, random_numbers).reshape(2, columns)
    writer.add_tensor("F16", halves.view(np.float16))
    expected["F16"] = halves.view(np.float16).astype(np.float32)
    brains = (plain >> 16).astype(np.uint16)
    writer.add_tensor("BF16", brains.view(np.uint8).reshape(2, -1), raw_dtype=Type.BF16)
    expected["BF16"] = gguf.dequantize(brains.view(np.uint8).reshape(2, -1), Type.BF16)
    for type in QUANTIZED_BY_PACKAGE + K_TYPES:
        if type in QUANTIZED_BY_PACKAGE:
            first = gguf.quantize(normal, type)
        else:
            first = random_blocks(type, columns, random_numbers)
        data = np.concatenate([first, random_blocks(type, columns, random_numbers)])
        writer.add_tensor(type.name, data, raw_dtype=type)
        with np.errstate(over="raise", invalid="raise"):
            expected[type.name] = gguf.dequantize(data, type)
    # A type that is refused by name.
    refused = random_numbers.integers(0, 256, (2, columns // 32 * 18), dtype=np.uint8)
    writer.add_tensor("IQ4_NL", refused, raw_dtype=Type.IQ4_NL)
    finish(writer)
    save_file({name: np.ascontiguousarray(data) for name, data in expected.items()}, OUT / "types-expected.safetensors")


def finish(writer: GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


OUTER = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
LAYER = {
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
    "mlp.c_fc": "ffn_up", "mlp.c_proj": "ffn_down",
}


def gguf_name(name: str) -> str:
    stem, part = name.rsplit(".", 1)
    if stem in OUTER:
        return f"{OUTER[stem]}.{part}"
    _, _, layer, rest = stem.split(".", 3)
    return f"blk.{layer}.{LAYER[rest]}.{part}"


def permuted(weights: np.ndarray, heads: int) -> np.ndarray:
    """`LlamaModel.permute` of llama.cpp: the two halves of each head become pairs."""
    return (
        weights.reshape(heads, 2, weights.shape[0] // heads // 2, *weights.shape[1:])
        .swapaxes(1, 2).reshape(weights.shape)
    )


def rope_divisors(config: dict, head_width: int) -> np.ndarray:
    """`generate_extra_tensors` of llama.cpp's converter for the bands of Llama 3.1."""
    rope = config["rope_parameters"]
    low, high = rope["low_freq_factor"], rope["high_freq_factor"]
    positions = rope["original_max_position_embeddings"]
    factors = []
    for i in range(0, head_width, 2):
        wavelength = 2 * math.pi * rope["rope_theta"] ** (i / head_width)
        if wavelength < positions / high:
            factors.append(1.0)
        elif wavelength > positions / low:
            factors.append(rope["factor"])
        else:
            smooth = (positions / wavelength - low) / (high - low)
            factors.append(1 / ((1 - smooth) / rope["factor"] + smooth))
    return np.array(factors, dtype=np.float32)


def add_architecture(writer: GGUFWriter, config: dict) -> None:
    heads = config["num_attention_heads"]
    rope = config.get("rope_parameters") or {"rope_theta": config["rope_theta"], "rope_type": "default"}
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_rope_freq_base(rope["rope_theta"])
    writer.add_vocab_size(config["vocab_size"])
    if config.get("head_dim"):
        writer.add_key_length(config["head_dim"])
        writer.add_value_length(config["head_dim"])
    if config["model_type"] == "llama":
        writer.add_rope_dimension_count(config.get("head_dim") or config["hidden_size"] // heads)
    if "norm_epsilon" in config:
        writer.add_layer_norm_eps(config["norm_epsilon"])
    else:
        writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    if rope["rope_type"] in ("linear", "yarn"):
        writer.add_rope_scaling_type(gguf.RopeScalingType(rope["rope_type"]))
        writer.add_rope_scaling_factor(rope["factor"])
    if rope["rope_type"] == "yarn":
        writer.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])


def checkpoint(name: str) -> tuple[dict, dict[str, torch.Tensor]]:
    folder = MODELS / name
    tensors = {}
    for file in sorted(folder.glob("*.safetensors")):
        tensors.update(load_file(file))
    return json.loads((folder / "config.json").read_text()), tensors


def write_model(name: str, split: int = 0) -> None:
    config, tensors = checkpoint(name)
    family = config["model_type"]
    writer = GGUFWriter(OUT / f"{name}.gguf", family, split_max_tensors=split)
    writer.add_name(name)
    add_architecture(writer, config)
    heads = {"q_proj": config["num_attention_heads"], "k_proj": config["num_key_value_heads"]}
    for key, tensor in tensors.items():
        if key == "lm_head.weight" and config.get("tie_word_embeddings"):
            continue
        data = tensor.float().numpy()
        projection = key.split(".")[-2]
        if family == "llama" and projection in heads:
            data = np.ascontiguousarray(permuted(data, heads[projection]))
        if tensor.dtype == torch.bfloat16 and data.ndim == 2:
            writer.add_tensor(gguf_name(key), gguf.quantize(data, Type.BF16), raw_dtype=Type.BF16)
        else:
            writer.add_tensor(gguf_name(key), data)
    if (config.get("rope_parameters") or {}).get("rope_type") == "llama3":
        writer.add_tensor("rope_freqs.weight", rope_divisors(config, config["head_dim"]))
    finish(writer)


def loaded_by_transformers(folder: Path, file: str):
    return AutoModelForCausalLM.from_pretrained(folder, gguf_file=file, dtype=torch.float32).eval()


def check_models(names: list[str]) -> None:
    """transformers reads the files that were written as the checkpoints they came from."""
    expected = {one["name"]: one for one in json.loads((MODELS / "expected.json").read_text())}
    for name in names:
        model = loaded_by_transformers(OUT, f"{name}.gguf")
        case = expected[name]["cases"][1]
        with torch.no_grad():
            logits = model(torch.tensor([case["ids"]])).logits[0, -1]
        difference = (logits - torch.tensor(case["logits"])).abs().max().item()
        assert difference < 1e-4, (name, difference)


CONTROLS = [
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>",
    "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>",
]
USER_DEFINED = ["<think>", "\u2003\u2003"]
UNUSED = 3

CORPUS = [
    *[(ROOT / path).read_text() for path in ("README.md", "ARCHITECTURE.md", "docs/models.md", "docs/metrics.md")],
    *[path.read_text() for path in sorted((HERE).glob("*.py"))],
    "1969 1970 2024 1234567890 100 1000 42 3.14159 " * 40,
    "Größe naïve façade Straße übermäßig año niño coração mañana çà et là déjà vu " * 4,
    "日本語の文字列 データ 変数 関数 返す 中文字符 函数 返回 变量 한국어 문자열 함수 반환 " * 4,
    "привет мир функция строка переменная возврат Ελληνικά κείμενο שלום עולם مرحبا بالعالم " * 4,
]

FRAGMENTS = [
    "def ", "return ", "const x = ", "function", "import os\n", "class Stack:\n    ", "self.items", "for (let i = 0; ",
    "=> {", "}\n", "});\n\n", "  ", "    ", "\t", "\n", "\r\n", "\n\n\n", " ", "   \n  ", "0", "42", "1969", "3.14159",
    "1234567890", "0x1F", "1e-5", "x1", "v2.0.1", "it's", "I'M", "we've", "don't", "'s", "'S", "O'Neil", "_name", "__init__",
    "camelCase", "HTTPServer", "snake_case", "SCREAMING", "a", "I", ".", ",", ";", ":", "!?", "...", "==", "!==", "<=", "->",
    "::", "&&", "||", "++", "$", "@", "#", "%", "^", "~", "`", "\\", "/", "//", "/* ", "\"", "'", "(", ")", "[]", "<", ">", "|",
    "Größe", "naïve", "Straße", "año", "déjà vu", "日本語", "データ", "变量", "函数", "한국어", "함수", "привет", "Ελληνικά",
    "שלום", "مرحبا", "हिन्दी", "ไทย", "🙂", "👩‍💻", "🇩🇪", "é", "e\u0301", "ﬁ", "²", "½", "٣", "५", "①", "Ⅷ", "\u00a0", "\u2003", "\u200b",
    "\u3000", "\ufeff", "\u2028", "\u0085", "€", "¿", "«»", "—", "…", "𝔘𝔫𝔦", "\u0000", "\u007f", "▁", "Ġ", "Ċ",
    "<|endoftext|>", "<|fim_middle|>", "<|im_end|>", "<s>", "</s>", "<unk>", "<0x0A>", "<think>",
]


def strings() -> list[str]:
    chosen = random.Random(7)
    made = [*FRAGMENTS]
    while len(made) < 330:
        made.append("".join(chosen.choice(FRAGMENTS) for _ in range(chosen.randint(2, 9))))
    return made


def byte_vocabulary() -> tuple[list[str], list[str]]:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=700, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    return tokens, [" ".join(merge) for merge in model["merges"]]


def add_byte_vocabulary(writer: GGUFWriter, pre: str, tokens: list[str], merges: list[str]) -> None:
    unused = [f"[PAD{i}]" for i in range(UNUSED)]
    names = [*tokens, *CONTROLS, *USER_DEFINED, *unused]
    kinds = [1] * len(tokens) + [3] * len(CONTROLS) + [4] * len(USER_DEFINED) + [5] * len(unused)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(names)
    writer.add_token_types(kinds)
    writer.add_token_merges(merges)
    writer.add_bos_token_id(names.index("<|endoftext|>"))
    writer.add_eos_token_id(names.index("<|im_end|>"))
    writer.add_eot_token_id(names.index("<|endoftext|>"))
    writer.add_pad_token_id(names.index("<|endoftext|>"))
    writer.add_add_bos_token(False)


MIXED = {
    "token_embd.weight": Type.Q5_0, "output.weight": Type.Q8_0, "attn_q.weight": Type.Q5_0, "attn_k.weight": Type.Q4_1,
    "attn_v.weight": Type.Q8_0, "attn_output.weight": Type.Q5_1, "ffn_gate.weight": Type.Q4_0, "ffn_up.weight": Type.F16,
    "ffn_down.weight": Type.Q8_0,
}


def write_decoder(tokens: list[str], merges: list[str]) -> dict:
    size = len(tokens) + len(CONTROLS) + len(USER_DEFINED) + UNUSED
    config = Qwen2Config(
        vocab_size=size, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=4096, rope_theta=1e6, tie_word_embeddings=False,
    )
    generator = torch.Generator().manual_seed(11)
    model = AutoModelForCausalLM.from_config(config)
    writer = GGUFWriter(OUT / "decoder.gguf", "qwen2")
    writer.add_name("A decoder of random weights")
    add_architecture(writer, {**config.to_dict(), "head_dim": None})
    add_byte_vocabulary(writer, "qwen2", tokens, merges)
    for key, tensor in model.state_dict().items():
        noise = torch.randn(tensor.shape, generator=generator)
        data = noise * 1.2 / math.sqrt(tensor.shape[-1]) if tensor.dim() == 2 else 1 + noise * 0.1
        if key.endswith("bias"):
            data = noise * 0.3
        data = data.numpy()
        name = gguf_name(key)
        type = MIXED.get(name) or MIXED.get(name.split(".", 2)[-1])
        if type is None:
            writer.add_tensor(name, data)
        elif type == Type.F16:
            writer.add_tensor(name, data.astype(np.float16))
        else:
            writer.add_tensor(name, gguf.quantize(data, type), raw_dtype=type)
    finish(writer)
    model = loaded_by_transformers(OUT, "decoder.gguf")
    cases = []
    with torch.no_grad():
        for length in (1, 9, 50):
            ids = torch.randint(0, len(tokens), (length,), generator=generator)
            logits = model(ids[None]).logits[0, -1]
            generated = model.generate(
                ids[None], attention_mask=torch.ones(1, length, dtype=torch.long), max_new_tokens=8, min_new_tokens=8,
                do_sample=False, eos_token_id=None, pad_token_id=0,
            )[0, length:]
            cases.append({
                "ids": ids.tolist(), "logits": [float(f"{x:.7g}") for x in logits.tolist()], "greedy": generated.tolist(),
            })
    return {"cases": cases}


def converted(path: Path) -> Tokenizer:
    """transformers' conversion; text that spells a control token stays text."""
    architecture, description, _ = get_gguf_tokenizer(str(path))
    tokenizer, _ = convert_gguf_tokenizer(architecture, description)
    tokenizer.encode_special_tokens = True
    return tokenizer


GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)"
# What llama.cpp cuts by where transformers falls back to GPT-2's pattern.
CUT_BY_LLAMA_CPP = {
    "starcoder": [r"\p{N}", GPT2],
    "smollm": [r"\p{N}", GPT2],
    "deepseek-coder": [r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[一-龥ࠀ-一가-퟿]+", r"\p{N}"],
    "default": [r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", "[0-9][0-9][0-9]"],
}


def byte_ids(tokens: list[str], merges: list[str], texts: list[str]) -> dict[str, list[list[int]]]:
    ids = {}
    with tempfile.TemporaryDirectory() as folder:
        for pre in ("qwen2", "llama-bpe", "gpt-2", *CUT_BY_LLAMA_CPP):
            path = Path(folder) / f"{pre}.gguf"
            writer = GGUFWriter(path, "qwen2")
            add_byte_vocabulary(writer, pre, tokens, merges)
            finish(writer)
            tokenizer = converted(path)
            if pre in CUT_BY_LLAMA_CPP:
                cuts = [pre_tokenizers.Split(Regex(cut), behavior="isolated") for cut in CUT_BY_LLAMA_CPP[pre]]
                bytes_of_words = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
                tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*cuts, bytes_of_words])
            ids[pre] = [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
    return ids


def write_sentencepiece(texts: list[str]) -> dict:
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(line for text in CORPUS for line in text.split("\n") if line.strip()),
        model_writer=model, vocab_size=900, model_type="bpe", byte_fallback=True, character_coverage=0.99,
        normalization_rule_name="identity", remove_extra_whitespaces=False, split_digits=True,
        allow_whitespace_only_pieces=True, user_defined_symbols=["▁<PRE>", "▁<SUF>", "▁<MID>"], minloglevel=2,
    )
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    tokens, scores, kinds = [], [], []
    for index in range(processor.get_piece_size()):
        kind = 1
        if processor.is_unknown(index):
            kind = 2
        elif processor.is_control(index):
            kind = 3
        elif processor.is_byte(index):
            kind = 6
        elif processor.id_to_piece(index) in ("▁<PRE>", "▁<SUF>", "▁<MID>"):
            kind = 4
        tokens.append(processor.id_to_piece(index))
        scores.append(processor.get_score(index))
        kinds.append(kind)
    writer = GGUFWriter(OUT / "spm.gguf", "llama")
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_scores(scores)
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_uint32("tokenizer.ggml.fim_pre_token_id", tokens.index("▁<PRE>"))
    writer.add_uint32("tokenizer.ggml.fim_suf_token_id", tokens.index("▁<SUF>"))
    writer.add_uint32("tokenizer.ggml.fim_mid_token_id", tokens.index("▁<MID>"))
    finish(writer)
    tokenizer = converted(OUT / "spm.gguf")
    ids = [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
    # Two implementations of the reference agree wherever a text does not begin with a blank, which transformers
    # does not double, or spell a token of the vocabulary that text does not become.
    spelled = ("<0x", "<s>", "</s>", "<unk>")
    for text, own in zip(texts, ids):
        if not text.startswith((" ", "▁")) and not any(part in text for part in spelled) and "\0" not in text:
            assert processor.encode(text) == own, (text, processor.encode(text), own)
    return {"ids": ids}


def main() -> None:
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir()
    write_types()
    names = ["qwen2-tied-fp32", "llama-tied-bf16", "qwen3-tied-bf16", "starcoder2-bf16"]
    for name in [*names, "qwen2-yarn-bf16", "llama-biases-linear-bf16"]:
        write_model(name)
    write_model("llama3-sharded-bf16", split=5)
    # It takes the head width of every qwen3 file for 128, and needs the tokens of a starcoder2 file.
    check_models(["qwen2-tied-fp32", "llama-tied-bf16"])
    texts = strings()
    tokens, merges = byte_vocabulary()
    expected = {
        "decoder": write_decoder(tokens, merges),
        "strings": texts,
        "bytes": byte_ids(tokens, merges, texts),
        "sentencePiece": write_sentencepiece(texts),
    }
    (OUT / "expected.json").write_text(json.dumps(expected, ensure_ascii=True, separators=(",", ":")) + "\n")
    for path in sorted(OUT.iterdir()):
        print(f"{path.stat().st_size:>8} {path.name}", file=sys.stderr)


main()
