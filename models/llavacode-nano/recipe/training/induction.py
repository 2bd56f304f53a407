"""What it costs a decoder to write code again that stands earlier in its prompt: the test of its copying heads.

A decoder that copies perfectly pays nothing for the repetition; one that ignores it pays as much as the first time.

Usage: python -m training.induction --data DIR --bundle FOLDER
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from data.samples import Samples
from training.model import Decoder, mixed_precision, weights

GAPS = (0, 300)  # tokens of other code between code and repetition


def repeated(samples, rng, rows, span, gap):
    """ids [rows, 2 span + gap]: code, other code, the first code again; and where the repetition begins."""
    out = []
    while len(out) < rows:
        _, left, right, _ = samples.parts(int(rng.integers(len(samples))))
        other = samples.parts(int(rng.integers(len(samples))))[1]
        text = np.concatenate((left, right))
        if len(text) >= span and len(other) >= gap:
            start = int(rng.integers(len(text) - span + 1))
            out.append(np.concatenate((text[start : start + span], other[:gap], text[start : start + span])))
    return torch.as_tensor(np.stack(out)), span + gap


def code_losses(model, ids):
    """Cross entropy [B, T - 1] of every token of ids [B, T] but the first."""
    with mixed_precision(ids.device):
        logits = model.logits(model(model.embed(ids[:, :-1])))
    return F.cross_entropy(logits.float().flatten(0, 1), ids[:, 1:].flatten(), reduction="none").view(len(ids), -1)


@torch.no_grad()
def copying_costs(model, held):
    """{gap: (nats a token of 160 tokens of held-out code, of their repetition but its first 4)} for ``GAPS``; 8 pieces of code."""
    costs = {}
    for gap in GAPS:
        ids, start = repeated(held, np.random.default_rng(1), 8, 160, gap)
        losses = code_losses(model, ids)
        costs[gap] = losses[:, :159].mean().item(), losses[:, start + 3 :].mean().item()
    return costs


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--bundle", type=Path, required=True)
    args = parser.parse_args()
    model = Decoder(json.loads((args.bundle / "decoder/config.json").read_text()))
    model.load_state_dict(weights(args.bundle / "decoder/model.safetensors"))
    for gap, (first, again) in copying_costs(model, Samples(args.data / "samples-heldout.npz")).items():
        print(f"code costs {first:.3f} nats a token; again, after {gap:3} tokens of other code, {again:.3f}")


if __name__ == "__main__":
    main()
