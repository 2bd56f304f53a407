"""Starting weights of the projector: a soft token is what the decoder's first layer makes of a chunk, on average.

From random weights the cross entropy first finds one vector that suits every prompt, and all soft tokens collapse onto
it before anything of the chunk gets through. Starting from sums of token embeddings avoids that, but the first layer
turns a sum into something else than the sum of what it makes of the tokens, and nothing is gained. So the projector first
learns, without the rest of the decoder, to map an encoder vector to the mean of the first layer's outputs over the
chunk's tokens, weighted by inverse document frequency, the mean over chunks taken off, ``SCALE`` times as long: long
enough that what the first layer adds to it does not matter, and the later layers read it as they read tokens.

Usage: python -m training.start_projector --data DIR --work DIR --config FILE [--name NAME] [--layers N] [--tokens N]
Writes ``<work>/<name>-start.pt``; prints which share of the targets' variance the projector explains on other chunks.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from data.prompt import CHUNK_SPECIALS
from data.samples import Samples
from data.tokenizer import SHIFT
from training.model import Decoder, Encoder, Projector, encode_chunks, load
from training.workers import pick_device

ROWS = 256
TOKENS = 192  # of a chunk that are read
SCALE = 6.0


@torch.no_grad()
def targets(chunks, decoder):
    """[n, d] weighted means of the first layer's outputs over the decoder ids in chunks, centred."""
    present = torch.zeros(decoder.model["embed_tokens"].num_embeddings)
    for ids in chunks:
        present[torch.as_tensor(np.unique(ids))] += 1
    idf = torch.log(len(chunks) / (1 + present))
    layer, rows = decoder.model["layers"][0], []
    for ids in chunks:
        ids = torch.as_tensor(ids[:TOKENS])
        cos, sin = decoder.cos[: len(ids)].cpu(), decoder.sin[: len(ids)].cpu()
        weight = idf[ids] / idf[ids].sum()
        rows.append(weight @ layer(decoder.embed(ids)[None], cos, sin, None, None)[0])
    means = torch.stack(rows)
    return means - means.mean(0)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--name", default="projector")
    parser.add_argument("--layers", type=int, choices=(2, 3, 4), default=3)
    parser.add_argument("--tokens", type=int, default=1, help="soft tokens a chunk; all with the same target")
    args = parser.parse_args()
    config = json.loads(args.config.read_text())
    e, d, plan = config["encoder"], config["decoder"], config["train_projector"]["start"]
    steps, test = plan["steps"], plan["test"]
    device = pick_device()
    torch.manual_seed(0)
    decoder = load(Decoder(d), args.work / "decoder.pt", torch.device("cpu"))
    encoder = load(Encoder(e), args.work / "encoder.pt", device)
    samples = Samples(args.data / f"samples-{config['train_projector']['samples']}.npz")
    rng = np.random.default_rng(0)
    rows = rng.permutation(len(samples.data["chunk_bounds"]) - 1)[: plan["chunks"]]
    chunks = [samples.chunk(r) for r in rows]
    cache = args.work / "start-vectors.pt"
    if not cache.exists():
        torch.save(encode_chunks(encoder, chunks, config["prompt"]["chunk_tokens"] + CHUNK_SPECIALS, device), cache)
    x = torch.load(cache)
    y = targets([ids - SHIFT for ids in chunks], decoder)
    size = y.pow(2).mean().sqrt()
    y /= size
    projector = Projector(e["hidden_size"], d["hidden_size"], args.layers, args.tokens)
    optimizer = torch.optim.AdamW(projector.parameters(), weight_decay=0.0)
    split = len(x) - test
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = 1e-3 * min(1, step / 100, (steps - step) / steps * 1.5)
        pick = torch.as_tensor(rng.integers(split, size=ROWS))
        loss = (projector(x[pick]).view(ROWS, args.tokens, -1) - y[pick][:, None]).pow(2).sum(-1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        rest = (projector(x[split:]).view(-1, args.tokens, y.shape[1]) - y[split:, None]).pow(2).sum(-1).mean()
    print(f"explained share of the targets on {test} other chunks  {1 - rest / y[split:].pow(2).sum(-1).mean():.3f}")
    last = getattr(projector, f"linear_{projector.layers}")
    for p in last.parameters():
        p.data *= SCALE * size
    torch.save({"model": projector.state_dict()}, args.work / f"{args.name}-start.pt")


if __name__ == "__main__":
    main()
