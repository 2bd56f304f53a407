"""Trains the decoder in two phases on a wall-clock budget.

Phase 1 (short): samples cut to about 512 tokens, some of them plain left-to-right.
Phase 2 (full): the exact evaluation format, most samples with the context block,
while the learning rate decays to zero.  Samples with something to copy come more
often (copies.py), and some context blocks are made to hold the answer (planted.py).
Matrices are trained with Muon, embeddings, norms and biases with AdamW.  Every share
of the schedule is a share of ``--minutes`` of training time, counted over restarts
and without the time for which a step was paused from outside.

Usage: torchrun --nproc-per-node CORES -m training.train_decoder --data DIR --work DIR --config FILE --minutes M
(or plain ``python`` for one process or one GPU).
Resumes from ``<work>/decoder.pt``; curve in ``<work>/decoder-curve.jsonl``.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from data.copies import copied_shares, repeats
from data.planted import Planter
from data.prompt import fim_ids
from data.samples import Samples
from training.graft import protect
from training.model import Decoder, mixed_precision, pad_rows, weights
from training.workers import ActiveClock, join_workers, learning_rate, pick_device, sum_over_workers

PARTS = ("context", "code", "middle")
SPECIALS = 4  # prefix, suffix, middle, endoftext


def assemble(parts, ids, placement, weights):
    """(ids, weight of predicting each id, part of each id) of one FIM sample.

    parts: K, left, right, middle; K may be empty.  placement: before-prefix or
    after-suffix.  weights: loss weight of K, of left and right, of middle and end.
    """
    end, prefix, suffix, middle_token = ids
    k, left, right, middle = parts
    special = lambda token: (np.array([token]), 0.0, 1)  # noqa: E731
    context = (k, weights["context"], 0)
    rows = [special(prefix), (left, weights["code"], 1), special(suffix), (right, weights["code"], 1)]
    rows.insert(0 if placement == "before-prefix" else len(rows), context)
    rows += [special(middle_token), (np.append(middle, end), weights["middle"], 2)]
    out = np.concatenate([r[0] for r in rows])
    weight = np.concatenate([np.full(len(r[0]), r[1], np.float32) for r in rows])
    part = np.concatenate([np.full(len(r[0]), r[2], np.int8) for r in rows])
    return out, weight, part


def repetition(code, other, width, rng):
    """A piece of ``code``, the beginning of ``other``, and the piece again: at most ``width`` ids."""
    span = min(len(code), int(rng.integers(width // 8, width // 3)))
    start = int(rng.integers(len(code) - span + 1))
    piece = code[start : start + span]
    return np.concatenate((piece, other[: int(rng.integers(width - 2 * span))], piece))


def draw(samples, index, phase, ids, rng, planter=None):
    """One training sequence of sample ``index`` under the shares and budgets of ``phase``.

    K, right and middle are cut to their budgets; left gets what remains of the row.  planter:
    plants the answer into ``phase["planted_share"]`` of the context blocks.
    """
    k, left, right, middle = samples.parts(index)
    middle = middle[: phase["middle_tokens"]]
    plain = rng.random()
    if plain < phase["left_to_right_share"] + phase["repeated_share"]:
        row = np.concatenate((left, middle, right))
        if plain < phase["repeated_share"]:
            row = repetition(row, k, phase["widths"][0] + 1, rng)
        row = row[-phase["widths"][0] - 1 :]
        return row, np.full(len(row), phase["weights"]["code"], np.float32), np.ones(len(row), np.int8)
    width, kc, rc = phase["with_context" if rng.random() < phase["context_share"] else "without_context"]
    if kc and planter and rng.random() < phase["planted_share"]:
        k = planter.plant(k, left, middle, right, kc, rng)
    k, right = k[:kc], right[:rc]
    left = left[-(width + 1 - SPECIALS - len(k) - len(right) - len(middle)) :]
    placement = "before-prefix" if rng.random() < phase["before_prefix_share"] else "after-suffix"
    return assemble((k, left, right, middle), ids, placement, phase["weights"])


class Batches:
    """Endless optimizer batches: lists of microbatches of similarly long sequences.

    repeats: how often each sample counts in an epoch, on average.
    """

    def __init__(self, samples, repeats, planter, ids, tokens, micro_tokens, seed):
        self.samples, self.repeats, self.planter = samples, repeats, planter
        self.ids, self.tokens, self.micro_tokens = ids, tokens, micro_tokens
        self.rng = np.random.default_rng(seed)
        self.order, self.ready = [], []

    def index(self):
        if not self.order:
            times = np.floor(self.repeats + self.rng.random(len(self.samples))).astype(int)
            self.order = self.rng.permutation(np.repeat(np.arange(len(self.samples)), times)).tolist()
        return self.order.pop()

    def fill(self, phase):
        """Sorts a pool of sequences into microbatches; every width has one fixed number of rows.

        Fixed shapes matter: kernels are compiled (CPU) or tuned (GPU) once per shape.
        """
        pools = {width: [] for width in phase["widths"]}
        for _ in range(8 * self.tokens // phase["widths"][0]):
            row = draw(self.samples, self.index(), phase, self.ids, self.rng, self.planter)
            width = next(w for w in phase["widths"] if len(row[0]) <= w + 1)
            pools[width].append(row)
            if len(pools[width]) == self.micro_tokens // width:
                self.ready.append((width, pools[width]))
                pools[width] = []
        self.rng.shuffle(self.ready)

    def next(self, phase):
        """([(width, rows)], real tokens) of one optimizer step."""
        batch, size = [], 0
        while size < self.tokens:
            if not self.ready:
                self.fill(phase)
            batch.append(self.ready.pop())
            size += sum(len(row[0]) for row in batch[-1][1])
        return batch, size


def losses(model, group, width, device):
    """Cross entropies, weights and parts [B, width] of predicting the rows of a microbatch."""
    ids = pad_rows([row[0] for row in group], 0, width + 1).to(device)
    weight, part = (torch.zeros(ids.shape, dtype=t, device=device) for t in (torch.float32, torch.int8))
    for i, row in enumerate(group):
        weight[i, : len(row[1])] = torch.as_tensor(row[1])
        part[i, : len(row[2])] = torch.as_tensor(row[2])
    with mixed_precision(device):
        logits = model.logits(model(model.embed(ids[:, :-1])))
    loss = F.cross_entropy(logits.float().flatten(0, 1), ids[:, 1:].flatten(), reduction="none")
    return loss.view(weight[:, 1:].shape), weight[:, 1:], part[:, 1:]


def optimizers(model, c):
    matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n]
    others = [p for n, p in model.named_parameters() if p.ndim < 2 or "embed" in n]
    muon = torch.optim.Muon(matrices, weight_decay=c["weight_decay"], adjust_lr_fn="match_rms_adamw")
    adamw = torch.optim.AdamW(others, betas=(0.9, 0.95), weight_decay=0.0)
    return (muon, c["muon_lr"]), (adamw, c["adamw_lr"])


@torch.no_grad()
def validate(model, samples, count, phase, ids, device):
    """Mean loss of the middle without and with context, at evaluation length."""
    model.eval()
    result = {}
    for name, share in (("validNoContext", 0.0), ("validFullRag", 1.0)):
        fixed = dict(phase, context_share=share, before_prefix_share=1.0, left_to_right_share=0.0, repeated_share=0.0)
        rng = np.random.default_rng(0)
        rows = [draw(samples, i, fixed, ids, rng) for i in range(count)]
        width = phase["widths"][-1 if share else 0]
        total = number = 0.0
        for i in range(0, count, 2):
            loss, weight, part = losses(model, rows[i : i + 2], width, device)
            kept = (part == 2) & (weight > 0)
            total, number = total + loss[kept].sum().item(), number + kept.sum().item()
        result[name] = round(total / number, 4)
    model.train()
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--minutes", type=float, required=True, help="training time in all, restarts included")
    parser.add_argument("--init", type=Path, help="model.safetensors to continue from, with a new optimizer")
    args = parser.parse_args()
    config = json.loads(args.config.read_text())
    c = config["train_decoder"]
    torch.manual_seed(0)
    device = pick_device()
    rank, world = join_workers(device)
    ids = fim_ids(config["decoder"]["vocab_size"])
    model = Decoder(config["decoder"]).to(device)
    if args.init:
        model.load_state_dict(weights(args.init))
    if "graft" in config:
        protect(model, config["decoder"], config["graft"]["onto"])
    both = optimizers(model, c)
    if c["compile"]:
        model.compile(dynamic=False)
    state = {"elapsed": 0.0, "tokens": 0, "step": 0}
    checkpoint = args.work / "decoder.pt"
    if checkpoint.exists():
        saved = torch.load(checkpoint, map_location=device)
        model.load_state_dict(saved["model"])
        for (optimizer, _), s in zip(both, saved["optimizers"]):
            optimizer.load_state_dict(s)
        state = saved["state"]
    planter = Planter(args.data / "tokenizers/decoder/tokenizer.json")
    valid = Samples(args.data / "samples-heldout.npz")
    curve = open(args.work / "decoder-curve.jsonl", "a") if rank == 0 else None
    budget = args.minutes * 60
    clock = ActiveClock(state["elapsed"])
    last_save = last_valid = state["elapsed"]
    since = dict(state)
    sums, phase_name, batches = torch.zeros(2, 3), None, None

    def save():
        saved = {"model": model.state_dict(), "optimizers": [o.state_dict() for o, _ in both], "state": state}
        torch.save(saved, checkpoint.with_suffix(".tmp"))
        checkpoint.with_suffix(".tmp").rename(checkpoint)

    def record(**extra):
        nonlocal sums
        means = {f"{p}Loss": round((s / n).item(), 4) for p, s, n in zip(PARTS, *sums) if n}
        sums = torch.zeros(2, 3)
        speed = round((state["tokens"] - since["tokens"]) / max(state["elapsed"] - since["elapsed"], 1e-9))
        since.update(state)
        line = {"phase": phase_name, **state, "elapsed": round(state["elapsed"], 1), "tokensPerSecond": speed, **means, **extra}
        curve.write(json.dumps(line) + "\n")
        curve.flush()
        print(line, flush=True)

    while state["elapsed"] < budget:
        progress = state["elapsed"] / budget
        current = "short" if progress < c["short_share"] else "full"
        if current != phase_name:
            phase_name = current
            name = c["phases"][current]["samples"]
            samples = Samples(args.data / f"samples-{name}.npz")
            shares = copied_shares(samples, args.data / f"copies-{name}.npy")
            seed = state["step"] * world + rank
            often = repeats(shares, c["copies"])
            batches = Batches(samples, often, planter, ids, c["batch_tokens"] // world, c["micro_tokens"], seed)
        batch, size = batches.next(c["phases"][phase_name])
        # Summed over workers: total weight, tokens, the first worker's clock, loss sums and counts by part.
        shared = torch.zeros(9)
        for width, group in batch:
            loss, weight, part = losses(model, group, width, device)
            (loss * weight).sum().backward()
            shared[0] += weight.sum().item()
            for p in range(3):
                kept = (part == p) & (weight > 0)
                shared[3 + p] += loss.detach()[kept].sum().item()
                shared[6 + p] += kept.sum().item()
        shared[1] = size
        shared[2] = clock.tick() if rank == 0 else 0.0
        shared = sum_over_workers(model, shared.to(device), world).cpu()
        sums += shared[3:].view(2, 3)
        for p in model.parameters():
            p.grad /= shared[0].item()
        torch.nn.utils.clip_grad_norm_(model.parameters(), c["clip"])
        for optimizer, rate in both:
            for group in optimizer.param_groups:
                group["lr"] = rate * learning_rate(progress, c["schedule"])
            optimizer.step()
            optimizer.zero_grad()
        state["step"] += 1
        state["tokens"] += int(shared[1])
        state["elapsed"] = shared[2].item()
        if rank:
            continue
        if state["elapsed"] - last_valid > c["validate_seconds"]:
            record(**validate(model, valid, c["validate_samples"], c["phases"]["full"], ids, device))
            last_valid = state["elapsed"]
        elif state["step"] % c["log_steps"] == 0:
            record()
        if state["elapsed"] - last_save > c["save_seconds"]:
            save()
            last_save = state["elapsed"]
    if rank == 0:
        save()
        record(**validate(model, valid, 4 * c["validate_samples"], c["phases"]["full"], ids, device))
        print(f"tokens seen            {state['tokens']}")
        print(f"optimizer steps        {state['step']}")
        print(f"hours                  {state['elapsed'] / 3600:.2f}")


if __name__ == "__main__":
    main()
