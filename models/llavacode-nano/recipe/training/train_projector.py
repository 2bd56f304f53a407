"""Trains the projector on a wall-clock budget; decoder and encoder stay frozen.

One stage, LlavaCode's loss: 0.9 * cross entropy strictly after the middle token
+ 0.1 * mean((G_projected - G_encoded)^2), G being the cosine matrices of all soft
vectors of the batch.  Encoder vectors are computed once per chunk.  The weights
start from those that ``start_projector.py`` left, or from the projector that
``train_encoder.py`` used for reconstruction, or from random ones (``--fresh``).

Usage: torchrun --nproc-per-node CORES -m training.train_projector --data DIR --work DIR --config FILE --minutes M
Resumes from ``<work>/projector.pt``; curve in ``<work>/projector-curve.jsonl``.
"""

import argparse
import hashlib
import json
import math
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from data.copies import copied_shares, repeats
from data.planted import Planter
from data.prompt import CHUNK_SPECIALS, fim_ids
from data.samples import Samples
from data.tokenizer import SHIFT
from training.model import Decoder, Encoder, Projector, encode_chunks, load, mixed_precision, pad_rows
from training.workers import ActiveClock, join_workers, pick_device, sum_over_workers

SOFT = -1  # placeholder id of a soft position


class Vectors:
    """Encoder vectors of the chunk table, computed when first asked for."""

    def __init__(self, samples, encoder, limit, device):
        self.samples, self.encoder, self.limit, self.device = samples, encoder, limit, device
        n = len(samples.data["chunk_bounds"]) - 1
        self.known = np.zeros(n, bool)
        self.table = torch.zeros(n, encoder.embeddings["word_embeddings"].embedding_dim)

    def prepare(self, rows):
        """Encodes those of the chunk ``rows`` that are still unknown."""
        missing = np.unique(rows[~self.known[rows]])
        if len(missing):
            chunks = [self.samples.chunk(r) for r in missing]
            self.table[missing] = encode_chunks(self.encoder, chunks, self.limit, self.device)
            self.known[missing] = True

    def get(self, chunks):
        """Vectors [n, e] of chunks, each a row of the table or the encoder ids of another text."""
        rows = np.array([c if np.isscalar(c) else 0 for c in chunks], np.int64)
        self.prepare(rows)
        out = self.table[rows]
        others = [i for i, c in enumerate(chunks) if not np.isscalar(c)]
        if others:
            out[others] = encode_chunks(self.encoder, [chunks[i] for i in others], self.limit, self.device)
        return out.to(self.device)


def draw(samples, index, stage, tokens, ids, rng, planter, planted_share):
    """(ids with ``tokens`` SOFT placeholders a chunk, chunks, middle ids with the end) of one sample.

    Of ``planted_share`` of the samples one chunk is the code around the hole itself (see planted.py).
    """
    end, prefix, suffix, middle_token = ids
    _, left, right, middle = samples.parts(index)
    rows = [r for r in samples.chunks[index] if r >= 0]
    if rng.random() < planted_share:
        rows[rng.integers(len(rows))] = planter.chunk(left, middle, right, rng) + SHIFT
    right = right[: stage["right"]]
    middle = np.append(middle[: stage["middle"]], end)
    left = left[-(stage["width"] - tokens * len(rows) - len(right) - len(middle) - 2) :]
    soft = np.full(tokens * len(rows), SOFT)
    if rng.random() < stage["before_prefix_share"]:
        parts = (soft, [prefix], left, [suffix], right, [middle_token], middle)
    else:
        parts = ([prefix], left, [suffix], right, soft, [middle_token], middle)
    return np.concatenate(parts), rows, middle


def losses(decoder, projector, vectors, group, stage, device):
    """(cross entropy after the middle token, alignment) of a batch of drawn samples."""
    ids = pad_rows([row for row, _, _ in group], 0, stage["width"] + 1)[:, :-1].to(device)
    encoded = vectors.get([chunk for _, chunks, _ in group for chunk in chunks])
    span = stage["middle"] + 1
    target = pad_rows([middle for _, _, middle in group], -100, span).to(device)
    first = torch.tensor([len(row) - len(middle) - 1 for row, _, middle in group], device=device)
    places = (first[:, None] + torch.arange(span, device=device)).clamp_max(stage["width"] - 1)
    with mixed_precision(device):
        projected = projector(encoded)
        x = decoder.embed(ids.clamp_min(0))
        soft = projected.view(-1, x.shape[2])
        x = x.masked_scatter((ids == SOFT)[..., None], soft.to(x.dtype))
        hidden = decoder(x)
        hidden = hidden.gather(1, places[..., None].expand(-1, -1, hidden.shape[2]))
        logits = decoder.logits(hidden).float()
    entropy = F.cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=-100)
    # Of several tokens of a chunk each is compared with those of the same place only; they may differ among themselves.
    a = F.normalize(projected.float().view(len(encoded), -1, x.shape[2]), dim=2).transpose(0, 1)
    b = F.normalize(encoded, dim=1)
    return entropy, ((a @ a.transpose(1, 2) - b @ b.T) ** 2).mean()


def fingerprint(module):
    return hashlib.sha256(b"".join(p.detach().cpu().numpy().tobytes() for p in module.parameters())).hexdigest()


def cosine(progress, warmup):
    """Factor of the learning rate: linear warm-up, then a half cosine to zero."""
    if progress < warmup:
        return progress / warmup
    return 0.5 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup)))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--config", type=Path, required=True)
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--minutes", type=float, help="training time in all, restarts included")
    length.add_argument("--steps", type=int, help="optimizer steps in all, for runs that are compared")
    parser.add_argument("--name", default="projector", help="of the checkpoint and the curve")
    parser.add_argument("--layers", type=int, choices=(2, 3, 4), default=3)
    parser.add_argument("--tokens", type=int, default=1, help="soft tokens a chunk")
    parser.add_argument("--align", type=float, help="weight of the alignment loss instead of the configured one")
    parser.add_argument("--fresh", action="store_true", help="start from random weights")
    args = parser.parse_args()
    config = json.loads(args.config.read_text())
    c, e, d = config["train_projector"], config["encoder"], config["decoder"]
    device = pick_device()
    rank, world = join_workers(device)
    torch.manual_seed(0)
    ids = fim_ids(d["vocab_size"])
    decoder = load(Decoder(d), args.work / "decoder.pt", device).requires_grad_(False)
    encoder = load(Encoder(e), args.work / "encoder.pt", device).requires_grad_(False)
    frozen = fingerprint(decoder), fingerprint(encoder)
    projector = Projector(e["hidden_size"], d["hidden_size"], args.layers, args.tokens)
    started = args.work / f"{args.name}-start.pt"
    if not args.fresh:
        source, part = (started, "model") if started.exists() else (args.work / "encoder.pt", "projector")
        projector.load_state_dict(torch.load(source, map_location="cpu")[part])
    projector.to(device)
    align_weight = c["align_weight"] if args.align is None else args.align
    optimizer = torch.optim.AdamW(projector.parameters(), lr=c["lr"], weight_decay=0.0)
    state = {"elapsed": 0.0, "samples": 0, "step": 0}
    checkpoint = args.work / f"{args.name}.pt"
    if checkpoint.exists():
        saved = torch.load(checkpoint, map_location=device)
        projector.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        state = saved["state"]

    def save():
        saved = {"model": projector.state_dict(), "optimizer": optimizer.state_dict(), "state": state}
        torch.save(saved, checkpoint.with_suffix(".tmp"))
        checkpoint.with_suffix(".tmp").rename(checkpoint)

    samples = Samples(args.data / f"samples-{c['samples']}.npz")
    vectors = Vectors(samples, encoder, config["prompt"]["chunk_tokens"] + CHUNK_SPECIALS, device)
    # Samples with something to copy from their chunks come more often, as in the decoder's training.
    times = repeats(copied_shares(samples, args.data / f"copies-{c['samples']}.npy"), c["copies"])
    order = np.random.default_rng(1)
    times = np.floor(times + order.random(len(samples))).astype(int) * (samples.chunks[:, 0] >= 0)
    order = order.permutation(np.repeat(np.arange(len(samples)), times))[rank::world]
    rng = np.random.default_rng(state["step"] * world + rank)
    planting = Planter(args.data / "tokenizers/decoder/tokenizer.json"), c["planted_share"]
    curve = open(args.work / f"{args.name}-curve.jsonl", "a") if rank == 0 else None
    clock = ActiveClock(state["elapsed"])
    last_save, sums, number = state["elapsed"], torch.zeros(2), 0

    def progress_now():
        return state["step"] / args.steps if args.minutes is None else state["elapsed"] / (args.minutes * 60)

    while (progress := progress_now()) < 1:
        stage = c["short"] if progress < c["short_share"] else c["full"]
        share = [state["step"] * stage["rows"] + i for i in range(stage["rows"])]
        if state["step"] % c["encode_steps"] == 0:
            ahead = samples.chunks[order.take(range(share[0], share[0] + c["encode_steps"] * len(share)), mode="wrap")]
            vectors.prepare(ahead[ahead >= 0])
        group = [draw(samples, order[i % len(order)], stage, args.tokens, ids, rng, *planting) for i in share]
        entropy, align = losses(decoder, projector, vectors, group, stage, device)
        (c["entropy_weight"] * entropy + align_weight * align).backward()
        # The first worker's clock and both losses, summed over workers.
        seconds = clock.tick() if rank == 0 else 0.0
        shared = torch.tensor([seconds, entropy.item(), align.item()], device=device)
        shared = sum_over_workers(projector, shared, world).cpu()
        for p in projector.parameters():
            p.grad /= world
        torch.nn.utils.clip_grad_norm_(projector.parameters(), 1.0)
        optimizer.param_groups[0]["lr"] = c["lr"] * cosine(progress, c["warmup"])
        optimizer.step()
        optimizer.zero_grad()
        state["step"] += 1
        state["samples"] += stage["rows"] * world
        state["elapsed"] = shared[0].item()
        sums, number = sums + shared[1:] / world, number + 1
        if rank:
            continue
        if number == c["log_steps"] or progress_now() >= 1:
            entropy, align = (round(x, 4) for x in (sums / number).tolist())
            line = {**state, "elapsed": round(state["elapsed"], 1), "crossEntropy": entropy, "align": align}
            curve.write(json.dumps(line) + "\n")
            curve.flush()
            print(line, flush=True)
            sums, number = torch.zeros(2), 0
        if state["elapsed"] - last_save > c["save_seconds"]:
            save()
            last_save = state["elapsed"]
    assert frozen == (fingerprint(decoder), fingerprint(encoder)), "decoder or encoder changed"
    if rank == 0:
        save()
        print(f"samples seen           {state['samples']}")
        print(f"optimizer steps        {state['step']}")
        print(f"hours                  {state['elapsed'] / 3600:.2f}")


if __name__ == "__main__":
    main()
