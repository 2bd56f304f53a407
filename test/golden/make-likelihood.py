"""Writes test/golden/likelihood.json: log-probabilities of given continuations by PyTorch.

The checkpoints are those of make-models.py. Each case is one forward pass over prompt and continuation in float64; the
end is the logarithm of the summed probabilities of its ids. Run from the root of the repository, with torch and
transformers 5 installed:

    python test/golden/make-likelihood.py
"""

import json
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM
from transformers import logging as transformers_logging

GOLDEN = Path(__file__).parent
VOCABULARY = 72
NAMES = ["qwen2-tied-fp32", "qwen2-head-dim-fp16", "qwen3-bias-untied-bf16", "llama-tied-bf16",
         "starcoder2-bf16", "gpt-bigcode-bf16"]
transformers_logging.set_verbosity_error()


def case(model, generator, prompt_length, length, end):
    prompt = torch.randint(VOCABULARY, (prompt_length,), generator=generator).tolist()
    ids = torch.randint(VOCABULARY, (length,), generator=generator).tolist()
    with torch.no_grad():
        logits = model(torch.tensor([prompt + ids])).logits[0].double()
    scores = torch.log_softmax(logits, dim=-1)
    expected = [scores[prompt_length - 1 + i, token].item() for i, token in enumerate(ids)]
    if end:
        expected.append(torch.logsumexp(scores[prompt_length - 1 + length, end], dim=0).item())
    return {"prompt": prompt, "ids": ids, "end": end, "expected": [float(f"{x:.9g}") for x in expected]}


result = []
for seed, name in enumerate(NAMES):
    model = AutoModelForCausalLM.from_pretrained(GOLDEN / "models" / name, dtype=torch.float32).eval()
    generator = torch.Generator().manual_seed(seed)
    cases = [
        case(model, generator, 9, 5, []),
        case(model, generator, 4, 3, [7, 2]),
        case(model, generator, 1, 1, []),
        case(model, generator, 3, 0, [5]),
        # More than the 16 positions that the program scores at once, and an end right behind a full block.
        case(model, generator, 6, 40, [1]),
        case(model, generator, 6, 32, [1, 3, 4]),
    ]
    result.append({"name": name, "cases": cases})
(GOLDEN / "likelihood.json").write_text(json.dumps(result) + "\n")
