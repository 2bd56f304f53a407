"""Trains the chunk encoder on a wall-clock budget; afterwards it is frozen.

The word embeddings start from the decoder's (principal components), since both
tokenizers share their BPE entries.  Losses on the pooled, normalised vectors:
  bag             which tokens the chunk holds: linear head, idf-weighted binary cross entropy
  view            InfoNCE between the two input forms of a chunk: encoder-only template and plain
  query           InfoNCE between the retrieval query and a retrieved chunk, both plain
  reconstruction  a projector turns the vector into one soft token in front of the frozen
                  decoder, which then predicts the chunk's text
The projector trained here is kept as the start of ``train_projector.py``.

Usage: torchrun --nproc-per-node CORES -m training.train_encoder --data DIR --work DIR --config FILE --minutes M
Resumes from ``<work>/encoder.pt``; curve in ``<work>/encoder-curve.jsonl``.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from data.prompt import CHUNK_SPECIALS, PAD, chunk_input
from data.samples import Samples
from data.tokenizer import ENCODER_SPECIALS, SHIFT
from training.model import Decoder, Encoder, Projector, load, mixed_precision, pad_rows
from training.workers import ActiveClock, join_workers, learning_rate, pick_device, sum_over_workers

UNKNOWN = ENCODER_SPECIALS.index("<unk>")
ABSENT_WEIGHT = 20.0  # of the absent tokens' mean loss; without it everything is predicted


def token_weights(samples, vocab_size):
    """idf of every encoder token over the chunk table, scaled to mean 1 over the tokens that occur."""
    n = len(samples.data["chunk_bounds"]) - 1
    rows = np.repeat(np.arange(n), np.diff(samples.data["chunk_bounds"]))
    pairs = np.unique(rows * vocab_size + samples.data["chunk_tokens"])
    counts = np.bincount(pairs % vocab_size, minlength=vocab_size)
    idf = np.where(counts > 0, np.log(n / np.maximum(counts, 1)), 0.0)
    return torch.as_tensor(idf / idf[counts > 0].mean(), dtype=torch.float32)


@torch.no_grad()
def start_from_decoder(encoder, decoder, scale):
    """Word embeddings := principal components of the decoder's embeddings, with std ``scale``."""
    table = decoder.model["embed_tokens"].weight.float()
    centred = table - table.mean(0)
    _, _, components = torch.linalg.svd(centred, full_matrices=False)
    words = encoder.embeddings["word_embeddings"].weight
    reduced = centred @ components[: words.shape[1]].T
    words[SHIFT:] = (reduced * (scale / reduced.std()))[: len(words) - SHIFT]


def bag_loss(logits, rows, weight):
    """idf-weighted binary cross entropy; held and absent tokens are averaged separately."""
    present = torch.zeros_like(logits)
    for i, row in enumerate(rows):
        present[i, torch.as_tensor(row, device=logits.device)] = 1.0
    loss = F.binary_cross_entropy_with_logits(logits, present, reduction="none") * weight
    held = (loss * present).sum(1) / (weight * present).sum(1).clamp_min(1e-6)
    absent = (loss * (1 - present)).sum(1) / (weight * (1 - present)).sum(1)
    return (held + ABSENT_WEIGHT * absent).mean()


def info_nce(a, b, temperature):
    logits = a @ b.T / temperature
    target = torch.arange(len(a), device=a.device)
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


def reconstruction_loss(decoder, soft, rows, width):
    """Cross entropy of the chunks' decoder ids after one soft token each; soft [n, d]."""
    ids = pad_rows([r[:width] for r in rows], -100, width).to(soft.device)
    x = torch.cat((soft[:, None], decoder.embed(ids[:, :-1].clamp_min(0))), 1)
    logits = decoder.logits(decoder(x)).float()
    return F.cross_entropy(logits.flatten(0, 1), ids.flatten(), ignore_index=-100)


def draw(samples, candidates, shape, rng):
    """(template, plain, query) ids [rows, tokens] and the chunks' encoder ids.

    The chunk is one of the best three that were retrieved for the query.
    """
    count, tokens = shape
    picked = rng.choice(candidates, count, replace=False)
    ranked = samples.chunks[picked, rng.integers(0, 3, count)]
    rows = np.where(ranked >= 0, ranked, samples.chunks[picked, 0])
    chunks = [samples.chunk(r)[: tokens - CHUNK_SPECIALS] for r in rows]
    template = pad_rows([chunk_input(x, tokens) for x in chunks], PAD, tokens)
    query = pad_rows([samples.query(i)[-tokens:] for i in picked], PAD, tokens)
    return template, pad_rows(chunks, PAD, tokens), query, chunks


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--minutes", type=float, required=True, help="training time in all, restarts included")
    args = parser.parse_args()
    config = json.loads(args.config.read_text())
    c, e, d = config["train_encoder"], config["encoder"], config["decoder"]
    device = pick_device()
    rank, world = join_workers(device)
    torch.manual_seed(0)
    samples = Samples(args.data / f"samples-{c['samples']}.npz")
    weight = token_weights(samples, e["vocab_size"]).to(device)
    decoder = load(Decoder(d), args.work / "decoder.pt", device).requires_grad_(False)
    modules = nn.ModuleDict(
        {
            "encoder": Encoder(e),
            "bag": nn.Linear(e["hidden_size"], e["vocab_size"]),
            "projector": Projector(e["hidden_size"], d["hidden_size"]),
        }
    )
    nn.init.constant_(modules["bag"].bias, -4.0)
    start_from_decoder(modules["encoder"], decoder.cpu(), c["embedding_std"])
    decoder.to(device)
    encoder = modules.to(device)["encoder"]
    optimizer = torch.optim.AdamW(modules.parameters(), lr=c["lr"], betas=(0.9, 0.98), weight_decay=0.01)
    state = {"elapsed": 0.0, "chunks": 0, "step": 0}
    checkpoint = args.work / "encoder.pt"
    if checkpoint.exists():
        saved = torch.load(checkpoint, map_location=device)
        modules.load_state_dict(saved["modules"])
        optimizer.load_state_dict(saved["optimizer"])
        state = saved["state"]

    def save():
        saved = {
            "model": encoder.state_dict(),
            "projector": modules["projector"].state_dict(),
            "modules": modules.state_dict(),
            "optimizer": optimizer.state_dict(),
            "state": state,
        }
        torch.save(saved, checkpoint.with_suffix(".tmp"))
        checkpoint.with_suffix(".tmp").rename(checkpoint)

    curve = open(args.work / "encoder-curve.jsonl", "a") if rank == 0 else None
    rng = np.random.default_rng(state["step"] * world + rank)
    torch.manual_seed(rank)
    candidates = np.flatnonzero(samples.chunks[:, 0] >= 0)
    names = ("bag", "view", "query", "reconstruction")
    budget, clock = args.minutes * 60, ActiveClock(state["elapsed"])
    last_save, sums, number = state["elapsed"], torch.zeros(len(names)), 0
    while state["elapsed"] < budget:
        progress = state["elapsed"] / budget
        shape = c["shapes"][state["step"] % len(c["shapes"])]
        template, plain, query, chunks = draw(samples, candidates, shape, rng)
        dropped = (torch.rand(plain.shape) < c["view_dropout"]) & (plain != PAD)
        plain = plain.masked_fill(dropped, UNKNOWN)
        with mixed_precision(device):
            vectors = [F.normalize(encoder(x.to(device)).float(), dim=1) for x in (template, plain, query)]
            compressed, view, asked = vectors
            some = c["reconstruction_rows"]
            parts = (
                bag_loss(modules["bag"](compressed * c["bag_scale"]).float(), chunks, weight),
                info_nce(compressed, view, c["temperature"]),
                info_nce(asked, view, c["temperature"]),
                reconstruction_loss(
                    decoder,
                    modules["projector"](compressed[:some]),
                    [x - SHIFT for x in chunks[:some]],
                    c["reconstruction_tokens"],
                ),
            )
        sum(c["loss_weights"][name] * part for name, part in zip(names, parts)).backward()
        # The first worker's clock and the losses, summed over workers.
        seconds = clock.tick() if rank == 0 else 0.0
        shared = torch.tensor([seconds, *(part.item() for part in parts)], device=device)
        shared = sum_over_workers(modules, shared, world).cpu()
        for p in modules.parameters():
            p.grad /= world
        torch.nn.utils.clip_grad_norm_(modules.parameters(), 1.0)
        optimizer.param_groups[0]["lr"] = c["lr"] * learning_rate(progress, c["schedule"])
        optimizer.step()
        optimizer.zero_grad()
        state["step"] += 1
        state["chunks"] += shape[0] * world
        state["elapsed"] = shared[0].item()
        sums, number = sums + shared[1:] / world, number + 1
        if rank:
            continue
        if number == c["log_steps"] or state["elapsed"] >= budget:
            means = {name: round(x, 4) for name, x in zip(names, (sums / number).tolist())}
            line = {**state, "elapsed": round(state["elapsed"], 1), **means}
            curve.write(json.dumps(line) + "\n")
            curve.flush()
            print(line, flush=True)
            sums, number = torch.zeros(len(names)), 0
        if state["elapsed"] - last_save > c["save_seconds"]:
            save()
            last_save = state["elapsed"]
    if rank == 0:
        save()
        print(f"chunks seen            {state['chunks']}")
        print(f"optimizer steps        {state['step']}")
        print(f"hours                  {state['elapsed'] / 3600:.2f}")


if __name__ == "__main__":
    main()
