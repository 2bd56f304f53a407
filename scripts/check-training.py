"""The embedded model's PyTorch recipe on the data of ``check-training.ts``; see there.

Usage: python scripts/check-training.py DIR

Decoder, projector, losses and the schedule are those of models/llavacode-nano/recipe. Needs what its requirements.txt
names. Reads DIR/data.json and DIR/vectors.safetensors, writes DIR/theirs.json.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "models/llavacode-nano/recipe"))

from training.model import Decoder, Projector, weights  # noqa: E402
from training.train_projector import SOFT, cosine, losses  # noqa: E402

CPU = torch.device("cpu")


class Table:
    """Chunk vectors that are there already, in place of an encoder."""

    def __init__(self, vectors):
        self.vectors = vectors

    def get(self, chunks):
        return self.vectors[torch.as_tensor(chunks)]


def drawn(sample):
    """A sample as ``losses`` takes it."""
    soft = [SOFT] * len(sample["chunks"])
    ids = sample["before"] + soft + sample["after"] + sample["target"]
    return np.array(ids), sample["chunks"], np.array(sample["target"])


@torch.no_grad()
def nats(decoder, projector, vectors, samples):
    """Nats a token of each sample; without soft tokens if there is no projector."""
    values = []
    for sample in samples:
        chunks = [] if projector is None else sample["chunks"]
        ids, _, target = drawn({**sample, "chunks": chunks})
        x = decoder.embed(torch.as_tensor(ids[:-1]).clamp_min(0))
        if chunks:
            at = len(sample["before"])
            x[at : at + len(chunks)] = projector(vectors[torch.as_tensor(chunks)])
        logits = decoder.logits(decoder(x[None])[0, -len(target) :])
        values.append(F.cross_entropy(logits, torch.as_tensor(target)).item())
    return values


def train(decoder, vectors, data, seed):
    torch.manual_seed(seed)
    plan, samples = data["plan"], data["training"]
    projector = Projector(vectors.shape[1], decoder.model["embed_tokens"].embedding_dim)
    optimizer = torch.optim.AdamW(projector.parameters(), lr=plan["rate"], weight_decay=0.0)
    rng, order = np.random.default_rng(seed), []
    width = max(len(drawn(sample)[0]) for sample in samples)
    stage = {"width": -(-width // 64) * 64, "middle": max(len(sample["target"]) for sample in samples)}
    table = Table(vectors)
    for step in range(plan["steps"]):
        if len(order) < plan["batch"]:
            order = list(rng.permutation(len(samples)))
        group = [drawn(samples[order.pop()]) for _ in range(plan["batch"])]
        # `losses` pads to a multiple of 64 and one more, and cuts the last place.
        entropy, align = losses(decoder, projector, table, group, stage, CPU)
        (plan["crossEntropy"] * entropy + plan["alignment"] * align).backward()
        torch.nn.utils.clip_grad_norm_(projector.parameters(), plan["clip"])
        optimizer.param_groups[0]["lr"] = plan["rate"] * cosine((step + 1) / plan["steps"], plan["warmup"])
        optimizer.step()
        optimizer.zero_grad()
        if step % 20 == 19:
            print(f"seed {seed}, step {step + 1}: {entropy.item():.4f}, {align.item():.4f}", flush=True)
    return projector


def main():
    folder = Path(sys.argv[1])
    data = json.loads((folder / "data.json").read_text())
    vectors = load_file(folder / "vectors.safetensors")["vectors"]
    model = ROOT / data["decoder"]
    decoder = Decoder(json.loads((model / "config.json").read_text()))
    decoder.load_state_dict(weights(model / "model.safetensors"))
    decoder.requires_grad_(False).eval()
    result = {"plain": nats(decoder, None, vectors, data["validation"]), "own": []}
    for seed in data["seeds"]:
        projector = train(decoder, vectors, data, seed)
        result["own"].append(nats(decoder, projector, vectors, data["validation"]))
        print(f"seed {seed}: {np.mean(result['own'][-1]):.4f} nats a token", flush=True)
    (folder / "theirs.json").write_text(json.dumps(result))


if __name__ == "__main__":
    main()
