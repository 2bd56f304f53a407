"""Writes the tiny checkpoints and expected results in test/golden/models/.

The reference is PyTorch with Hugging Face transformers; the tests that read these files need
neither. Run from the root of the repository, with torch, transformers 5 and safetensors installed:

    python test/golden/make-models.py

Weights are random but fixed by a seed; the numbers in expected.json follow from them in float32,
after rounding to the type they are stored in.
"""

import copy
import json
import math
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    BertConfig,
    GPTBigCodeConfig,
    LlamaConfig,
    PreTrainedConfig,
    Qwen2Config,
    Qwen3Config,
    RobertaConfig,
    Starcoder2Config,
)
from transformers import logging as transformers_logging

OUT = Path(__file__).parent / "models"
VOCABULARY = 72
transformers_logging.set_verbosity_error()


def randomise(model: nn.Module, generator: torch.Generator, dtype: torch.dtype) -> nn.Module:
    """Weights large enough that every part of the network shows in the result."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.dim() >= 2:
                parameter.copy_(noise * 1.2 / math.sqrt(parameter.shape[-1]))
            elif name.endswith("bias"):
                parameter.copy_(noise * 0.3)
            else:
                parameter.copy_(1 + noise * 0.1)
            parameter.copy_(parameter.to(dtype).float())
    return model.eval()


def rounded(tensor: torch.Tensor) -> list:
    """Seven significant digits: all that float32 has."""
    return [float(f"{value:.7g}") for value in tensor.flatten().tolist()]


def save(model: nn.Module, folder: Path, dtype: torch.dtype, shard: str | None = None) -> None:
    # A copy, since `to` would also round the rotary frequencies of the model that is to run.
    sizes = {} if shard is None else {"max_shard_size": shard}
    copy.deepcopy(model).to(dtype).save_pretrained(folder, **sizes)
    (folder / "generation_config.json").unlink(missing_ok=True)


def rewrite_config(folder: Path, change) -> None:
    path = folder / "config.json"
    config = json.loads(path.read_text())
    change(config)
    path.write_text(json.dumps(config, indent=1) + "\n")


def as_transformers_4(config: dict) -> None:
    """Rotary base at the top level, element type under its old name."""
    config["rope_theta"] = config.pop("rope_parameters")["rope_theta"]
    config["torch_dtype"] = config.pop("dtype", None)
    config["transformers_version"] = "4.52.0"


def decoder(
    name: str, seed: int, dtype: torch.dtype, config: PreTrainedConfig,
    old_config: bool = False, shard: str | None = None,
) -> dict:
    generator = torch.Generator().manual_seed(seed)
    config.update({"vocab_size": VOCABULARY, "bos_token_id": 0, "eos_token_id": 0})
    model = randomise(AutoModelForCausalLM.from_config(config), generator, dtype)
    folder = OUT / name
    save(model, folder, dtype, shard)
    if old_config:
        rewrite_config(folder, as_transformers_4)

    cases = []
    with torch.no_grad():
        for length in (1, 9, 50):
            ids = torch.randint(0, VOCABULARY, (length,), generator=generator)
            logits = model(ids[None]).logits[0, -1]
            generated = model.generate(
                ids[None], attention_mask=torch.ones(1, length, dtype=torch.long),
                max_new_tokens=8, min_new_tokens=8, do_sample=False, eos_token_id=None, pad_token_id=0,
            )[0, length:]
            cases.append({"ids": ids.tolist(), "logits": rounded(logits), "greedy": generated.tolist()})
        # Vectors that are no row of the embedding table, as soft tokens are.
        vectors = torch.randn(6, config.hidden_size, generator=generator)
        vectors = torch.tensor(rounded(vectors)).view(6, config.hidden_size)
        logits = model(inputs_embeds=vectors[None]).logits[0, -1]
    return {
        "kind": "decoder",
        "name": name,
        "family": config.model_type,
        "cases": cases,
        "embedded": {"vectors": rounded(vectors), "logits": rounded(logits)},
    }


def encoder(
    name: str, seed: int, dtype: torch.dtype, config: PreTrainedConfig, prefix: str = "",
) -> dict:
    generator = torch.Generator().manual_seed(seed)
    config.update({"vocab_size": VOCABULARY})
    is_causal = config.model_type == "qwen3"
    options = {} if is_causal else {"add_pooling_layer": False}
    model = randomise(AutoModel.from_config(config, **options), generator, dtype)
    folder = OUT / name
    save(model, folder, dtype)
    if prefix:
        path = folder / "model.safetensors"
        save_file({prefix + key: value for key, value in load_file(path).items()}, path)

    padding = config.pad_token_id or 0
    lengths = [17, 1, 60, 5, 5, 30]
    inputs = [torch.randint(3, VOCABULARY, (length,), generator=generator) for length in lengths]
    batch = nn.utils.rnn.pad_sequence(inputs, batch_first=True, padding_value=padding)
    mask = (batch != padding).long()

    def pool(hidden: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
        if is_causal:
            return hidden[torch.arange(len(hidden)), real.sum(1) - 1]
        return (hidden * real[..., None]).sum(1) / real.sum(1, keepdim=True)

    with torch.no_grad():
        pooled = pool(model(batch, attention_mask=mask).last_hidden_state, mask)
        for i, ids in enumerate(inputs):
            alone = pool(model(ids[None]).last_hidden_state, torch.ones(1, len(ids), dtype=torch.long))
            assert torch.allclose(alone[0], pooled[i], atol=1e-5), "padding changes the reference"
    return {
        "kind": "encoder",
        "name": name,
        "family": config.model_type,
        "inputs": [ids.tolist() for ids in inputs],
        "vectors": [rounded(row) for row in pooled],
    }


def projector(name: str, seed: int, dtype: torch.dtype, prefix: str, e: int, widths: list[int]) -> dict:
    """Linear -> GELU -> LayerNorm, the last Linear bare; names as in LlavaCode's projectors."""
    generator = torch.Generator().manual_seed(seed)
    modules: dict[str, nn.Module] = {}
    last = e
    for i, width in enumerate(widths, 1):
        modules[f"linear_{i}"] = nn.Linear(last, width)
        if i < len(widths):
            modules[f"ln_{i}"] = nn.LayerNorm(width, eps=1e-5)
        last = width
    model = randomise(nn.ModuleDict(modules), generator, dtype)
    vectors = torch.randn(5, e, generator=generator)
    vectors = torch.tensor(rounded(vectors)).view(5, e)
    with torch.no_grad():
        x = vectors
        for i in range(1, len(widths) + 1):
            x = modules[f"linear_{i}"](x)
            if i < len(widths):
                x = modules[f"ln_{i}"](nn.functional.gelu(x))
    save_file(
        {prefix + key: value.to(dtype).contiguous() for key, value in model.state_dict().items()},
        OUT / f"{name}.safetensors",
    )
    return {
        "kind": "projector",
        "name": name,
        "layers": len(widths),
        "vectors": rounded(vectors),
        "soft": rounded(x),
        "inputWidth": e,
        "outputWidth": widths[-1],
    }


def rope(kind: str, theta: float, **parameters) -> dict:
    return {"rope_type": kind, "rope_theta": theta, **parameters}


SMALL = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}
SHALLOW = {**SMALL, "intermediate_size": 32, "num_hidden_layers": 1}
POSITIONS = {"max_position_embeddings": 128}


def decoders() -> list[dict]:
    return [
        decoder(
            "qwen2-tied-fp32", 1, torch.float32,
            Qwen2Config(
                **SMALL, **POSITIONS, num_key_value_heads=1, tie_word_embeddings=True,
                rope_parameters=rope("default", 10000.0),
            ),
            old_config=True,
        ),
        decoder(
            "qwen2-untied-bf16", 2, torch.bfloat16,
            Qwen2Config(
                **POSITIONS, hidden_size=64, intermediate_size=80, num_hidden_layers=2,
                num_attention_heads=4, num_key_value_heads=2, tie_word_embeddings=False,
                rope_parameters=rope("default", 1000000.0),
            ),
        ),
        decoder(
            "qwen2-head-dim-fp16", 3, torch.float16,
            Qwen2Config(
                **POSITIONS, hidden_size=40, intermediate_size=56, num_hidden_layers=1,
                num_attention_heads=2, num_key_value_heads=2, head_dim=32, tie_word_embeddings=True,
                rope_parameters=rope("default", 10000.0),
            ),
        ),
        # Stretched far enough that frequencies of all three bands differ within 50 positions.
        decoder(
            "qwen2-yarn-bf16", 9, torch.bfloat16,
            Qwen2Config(
                **SHALLOW, **POSITIONS, num_key_value_heads=2, tie_word_embeddings=True,
                rope_parameters=rope("yarn", 10000.0, factor=4.0, original_max_position_embeddings=32),
            ),
        ),
        decoder(
            "qwen3-tied-bf16", 10, torch.bfloat16,
            Qwen3Config(
                **SMALL, **POSITIONS, num_key_value_heads=1, head_dim=32, tie_word_embeddings=True,
                rope_parameters=rope("default", 1000000.0),
            ),
        ),
        decoder(
            "qwen3-bias-untied-bf16", 11, torch.bfloat16,
            Qwen3Config(
                **SHALLOW, **POSITIONS, num_key_value_heads=2, head_dim=16, tie_word_embeddings=False,
                attention_bias=True, rms_norm_eps=1e-3, rope_parameters=rope("default", 10000.0),
            ),
        ),
        decoder(
            "llama-tied-bf16", 12, torch.bfloat16,
            LlamaConfig(
                **{**SHALLOW, "hidden_size": 48, "num_attention_heads": 3}, **POSITIONS,
                num_key_value_heads=1, rms_norm_eps=1e-5, tie_word_embeddings=True,
                rope_parameters=rope("default", 100000.0),
            ),
        ),
        decoder(
            "llama-biases-linear-bf16", 13, torch.bfloat16,
            LlamaConfig(
                **SHALLOW, **POSITIONS, num_key_value_heads=2, tie_word_embeddings=False,
                attention_bias=True, mlp_bias=True, rope_parameters=rope("linear", 10000.0, factor=4.0),
            ),
        ),
        decoder(
            "llama3-sharded-bf16", 14, torch.bfloat16,
            LlamaConfig(
                **SHALLOW, **POSITIONS, num_key_value_heads=2, tie_word_embeddings=False,
                rope_parameters=rope(
                    "llama3", 10000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                    original_max_position_embeddings=32,
                ),
            ),
            shard="15KB",
        ),
        decoder(
            "starcoder2-bf16", 15, torch.bfloat16,
            Starcoder2Config(
                **SMALL, **POSITIONS, num_key_value_heads=1, sliding_window=64, use_bias=True,
                rope_parameters=rope("default", 10000.0),
            ),
        ),
        decoder(
            "starcoder2-untied-no-bias-bf16", 16, torch.bfloat16,
            Starcoder2Config(
                **SHALLOW, **POSITIONS, num_key_value_heads=2, use_bias=False, sliding_window=None,
                tie_word_embeddings=False, norm_epsilon=1e-3, rope_parameters=rope("default", 10000.0),
            ),
        ),
        decoder(
            "gpt-bigcode-bf16", 17, torch.bfloat16,
            GPTBigCodeConfig(
                n_embd=32, n_layer=2, n_head=2, n_inner=48, n_positions=128, multi_query=True,
            ),
        ),
    ]


def encoders() -> list[dict]:
    roberta = {"max_position_embeddings": 66, "layer_norm_eps": 1e-5, "pad_token_id": 1, "bos_token_id": 0,
               "eos_token_id": 2}
    return [
        encoder(
            "roberta-fp32", 4, torch.float32,
            RobertaConfig(
                **roberta, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                num_attention_heads=4, type_vocab_size=10,
            ),
        ),
        encoder(
            "roberta-prefixed-fp16", 5, torch.float16,
            RobertaConfig(
                **roberta, hidden_size=48, intermediate_size=56, num_hidden_layers=1,
                num_attention_heads=3, type_vocab_size=1,
            ),
            prefix="roberta.",
        ),
        encoder(
            "bert-bf16", 18, torch.bfloat16,
            BertConfig(
                hidden_size=32, intermediate_size=48, num_hidden_layers=1, num_attention_heads=2,
                type_vocab_size=2, max_position_embeddings=60, pad_token_id=0,
            ),
        ),
        encoder(
            "qwen3-embedding-bf16", 19, torch.bfloat16,
            Qwen3Config(
                **SHALLOW, **POSITIONS, num_key_value_heads=1, head_dim=32, tie_word_embeddings=True,
                rope_parameters=rope("default", 1000000.0),
            ),
        ),
    ]


def projectors() -> list[dict]:
    return [
        projector("projector-2l", 6, torch.float32, "", 24, [16, 16]),
        projector("projector-3l", 7, torch.bfloat16, "model.multi_modal_projector.", 24, [32, 32, 16]),
        projector("projector-4l", 8, torch.float32, "multi_modal_projector.", 24, [48, 64, 32, 16]),
    ]


def main() -> None:
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    expected = [*decoders(), *encoders(), *projectors()]
    lines = ",\n".join(json.dumps(model) for model in expected)
    (OUT / "expected.json").write_text(f"[\n{lines}\n]\n")


main()
