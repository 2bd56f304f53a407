"""Writes test/golden/training.json: gradients of the tiny checkpoints in test/golden/models/.

The reference is PyTorch's autograd through Hugging Face transformers. Run from the root of the repository, with torch,
transformers 5 and safetensors installed, after make-models.py:

    python test/golden/make-training-golden.py

Each decoder gets three sequences: one behind a prefix, one whole, and one behind a longer prefix. The keys and values of
a prefix are rounded to fp16, as the program keeps them. The loss of a sequence is
`crossEntropy` * sum of nats + `divergence` * sum of KL(teacher || decoder) over its targets.
"""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F
from transformers import AutoModelForCausalLM
from transformers import logging as transformers_logging

ROOT = Path(__file__).parent
MODELS = ROOT / "models"
transformers_logging.set_verbosity_error()

DECODERS = [
    "qwen2-tied-fp32", "qwen2-untied-bf16", "qwen2-yarn-bf16", "qwen3-tied-bf16", "llama-biases-linear-bf16",
    "starcoder2-bf16", "gpt-bigcode-bf16",
]
# Positions of the prefix, new positions, weights of cross entropy and divergence (None: no teacher).
SEQUENCES = [(5, 4, 0.7, None), (0, 6, -0.4, 0.5), (9, 3, 1.0, None)]


def rounded(tensor: torch.Tensor) -> list:
    """Seven significant digits: all that float32 has."""
    return [float(f"{value:.7g}") for value in tensor.detach().flatten().tolist()]


def normal(generator: torch.Generator, *shape: int) -> torch.Tensor:
    return torch.tensor(rounded(torch.randn(shape, generator=generator)), dtype=torch.float32).view(shape)


def sequence(model: nn.Module, generator: torch.Generator, past: int, new: int, ce: float, kl: float | None) -> dict:
    width, vocabulary = model.config.hidden_size, model.config.vocab_size
    prefix, inputs = normal(generator, past, width), normal(generator, new, width).requires_grad_()
    targets = torch.randint(0, vocabulary, (new,), generator=generator).tolist()
    targets[1] = None
    at = [i for i, target in enumerate(targets) if target is not None]
    teacher = None if kl is None else 2 * normal(generator, len(at), vocabulary)

    cache = None
    if past > 0:
        with torch.no_grad():
            cache = model(inputs_embeds=prefix[None], use_cache=True).past_key_values
            for layer in cache.layers:
                layer.keys, layer.values = layer.keys.half().float(), layer.values.half().float()
    logits = model(inputs_embeds=inputs[None], past_key_values=cache, use_cache=True).logits[0, at]
    nats = F.cross_entropy(logits, torch.tensor([targets[i] for i in at]), reduction="none")
    loss = ce * nats.sum()
    divergences = None
    if teacher is not None:
        q = teacher.log_softmax(-1)
        divergences = (q.exp() * (q - logits.log_softmax(-1))).sum(-1)
        loss = loss + kl * divergences.sum()
    loss.backward()
    return {
        "prefix": rounded(prefix),
        "inputs": rounded(inputs),
        "targets": targets,
        "crossEntropy": ce,
        "divergence": kl,
        "teacher": None if teacher is None else rounded(teacher),
        "nats": rounded(nats),
        "divergences": None if divergences is None else rounded(divergences),
        "gradient": rounded(inputs.grad),
    }


def decoder(name: str, seed: int) -> dict:
    generator = torch.Generator().manual_seed(seed)
    model = AutoModelForCausalLM.from_pretrained(MODELS / name, dtype=torch.float32).eval()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    hidden_inputs = normal(generator, 4, model.config.hidden_size)
    with torch.no_grad():
        hidden = model(inputs_embeds=hidden_inputs[None], output_hidden_states=True).hidden_states[1][0]
        # Behind the last layer transformers hands out the normalised state.
        hidden = None if model.config.num_hidden_layers == 1 else rounded(hidden)
    return {
        "name": name,
        "sequences": [sequence(model, generator, *shape) for shape in SEQUENCES],
        "hidden": {"inputs": rounded(hidden_inputs), "behindFirstLayer": hidden},
    }


def projector(name: str, seed: int) -> dict:
    generator = torch.Generator().manual_seed(seed)
    tensors = load_file(MODELS / f"{name}.safetensors")
    parameters = {
        key.rsplit("multi_modal_projector.", 1)[-1]: value.float().requires_grad_() for key, value in tensors.items()
    }
    layers = sum(key.startswith("linear_") and key.endswith(".weight") for key in parameters)
    vectors = normal(generator, 3, parameters["linear_1.weight"].shape[1])
    x = vectors
    for i in range(1, layers + 1):
        x = F.linear(x, parameters[f"linear_{i}.weight"], parameters[f"linear_{i}.bias"])
        if i < layers:
            x = F.gelu(x)
            x = F.layer_norm(x, x.shape[-1:], parameters[f"ln_{i}.weight"], parameters[f"ln_{i}.bias"], 1e-5)
    seed_gradient = normal(generator, *x.shape)
    x.backward(seed_gradient)
    return {
        "name": name,
        "vectors": rounded(vectors),
        "soft": rounded(x),
        "outputGradient": rounded(seed_gradient),
        # Every 31st number of large parameters keeps the file small.
        "gradients": {key: rounded(value.grad.flatten()[:: 31 if value.numel() > 64 else 1])
                      for key, value in sorted(parameters.items())},
    }


def main() -> None:
    decoders = ",\n".join(json.dumps(decoder(name, i)) for i, name in enumerate(DECODERS))
    projectors = ",\n".join(
        json.dumps(projector(f"projector-{n}l", 100 + n)) for n in (2, 3, 4)
    )
    text = f'{{"decoders": [\n{decoders}\n],\n"projectors": [\n{projectors}\n]}}\n'
    (ROOT / "training.json").write_text(text)


main()
