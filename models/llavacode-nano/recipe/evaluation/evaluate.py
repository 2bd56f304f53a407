"""Greedy line completion of a bundle on held-out holes: no-context, full-rag, compressed and controls.

Exact match and edit similarity are LlavaCode's (``evaluation/scores.py``).  ``nats`` is the cross entropy of
the true line and the end token, per token, teacher-forced.  The weights of the bundle are fp16; the arithmetic
is fp32, but for the encoder's, which is bf16 as in training.

``compressed-random`` shows the projections of random unit vectors.  ``compressed-shuffled`` shows the chunks of
another hole.

Usage: python -m evaluation.evaluate --data DIR --config FILE --bundle FOLDER --out ROWS.jsonl [--count N]
Writes one JSON line that says what was measured, then one for every pipeline and hole.  Means and intervals are
made of these rows by the program's own statistics (``scripts/card-held-out.ts``); nothing is averaged here.
"""

import argparse
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from data.prompt import CHUNK_SPECIALS, fim_ids, load_tokenizer, prompt_ids
from data.samples import Samples
from evaluation.scores import score
from training.model import Decoder, Encoder, Projector, encode_chunks, weights
from training.workers import pick_device

BATCH = 16
PIPELINES = "no-context,full-rag,compressed,compressed-random,compressed-shuffled"
SCHEMA = "llava-eval/held-out@1"


@torch.no_grad()
def generate(decoder, prompts, new_tokens, end):
    """Greedy continuations of prompt embeddings (list of [T, C]), one id list each, cut at ``end``."""
    device = prompts[0].device
    width = max(len(p) for p in prompts)
    x = torch.stack([F.pad(p, (0, 0, width - len(p), 0)) for p in prompts])
    real = torch.stack([torch.arange(width, device=device) >= width - len(p) for p in prompts])
    mask = real[:, None, None] & torch.ones(width, width, dtype=torch.bool, device=device).tril()
    mask |= torch.eye(width, dtype=torch.bool, device=device)
    caches = [{} for _ in decoder.model["layers"]]
    rows = [[] for _ in prompts]
    done = [False] * len(prompts)
    offset = 0
    for _ in range(new_tokens):
        hidden = decoder(x, mask, caches, offset)[:, -1]
        token = decoder.logits(hidden).argmax(1)
        offset += x.shape[1]
        for i, t in enumerate(token.tolist()):
            done[i] = done[i] or t == end
            if not done[i]:
                rows[i].append(t)
        if all(done):
            break
        real = F.pad(real, (0, 1), value=True)
        mask, x = real[:, None, None], decoder.embed(token)[:, None]
    return rows


@torch.no_grad()
def entropies(decoder, prompts, middles):
    """Mean cross entropy (nats per token) of each true middle after its prompt embeddings [T, C]."""
    device = prompts[0].device
    middles = [torch.as_tensor(m, device=device) for m in middles]
    rows = [torch.cat((p, decoder.embed(m[:-1]))) for p, m in zip(prompts, middles)]
    width = max(map(len, rows))
    hidden = decoder(torch.stack([F.pad(r, (0, 0, 0, width - len(r))) for r in rows]))
    starts = [len(p) - 1 for p in prompts]
    return [
        F.cross_entropy(decoder.logits(h[s : s + len(m)]), m).item() for h, s, m in zip(hidden, starts, middles)
    ]


def geometry(vectors):
    """Mean pairwise cosine and effective rank (exp of the singular values' entropy) of [n, d]."""
    unit = F.normalize(vectors, dim=1)
    n = len(unit)
    cosine = ((unit.sum(0) ** 2).sum() - n) / (n * (n - 1))
    singular = torch.linalg.svdvals(unit - unit.mean(0))
    p = singular / singular.sum()
    return round(cosine.item(), 4), round(float(torch.exp(-(p * (p + 1e-12).log()).sum())), 1)


def part(module, path, device):
    """``module`` with the weights of a bundle's file."""
    module.load_state_dict(weights(path))
    return module.to(device).eval()


class Prompts:
    """The prompts of a bundle on the holes of a sample file, as embeddings [T, C]."""

    def __init__(self, bundle, samples, count, limit, device):
        self.samples, self.count, self.device = samples, count, device
        d, e = (json.loads((bundle / name / "config.json").read_text()) for name in ("decoder", "encoder"))
        layers = json.loads((bundle / "bundle.json").read_text())["projector"]["layers"]
        self.ids = fim_ids(d["vocab_size"])
        self.decoder = part(Decoder(d), bundle / "decoder/model.safetensors", device)
        encoder = part(Encoder(e), bundle / "encoder/model.safetensors", device)
        projector = part(Projector(e["hidden_size"], d["hidden_size"], layers), bundle / "projector.safetensors", device)
        used = np.unique(samples.chunks[:count])
        used = used[used >= 0]
        self.row_of = {int(r): i for i, r in enumerate(used)}
        self.encoded = encode_chunks(encoder, [samples.chunk(r) for r in used], limit, device)
        with torch.no_grad():
            self.projected = projector(self.encoded.to(device))
            self.random = projector(F.normalize(torch.randn_like(self.encoded), dim=1).to(device))

    def soft(self, i, pipeline):
        """Soft tokens [n, C] of hole ``i``."""
        shown = (i + self.count // 2) % self.count if pipeline == "compressed-shuffled" else i
        rows = [self.row_of[r] for r in self.samples.chunks[shown] if r >= 0]
        return (self.random if pipeline == "compressed-random" else self.projected)[rows]

    def of(self, i, pipeline):
        context, left, right, _ = self.samples.parts(i)
        ids = prompt_ids(context if pipeline == "full-rag" else [], left, right, self.ids)
        with torch.no_grad():
            x = self.decoder.embed(torch.as_tensor(ids, device=self.device))
        return torch.cat((self.soft(i, pipeline), x)) if pipeline.startswith("compressed") else x


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("data", "config", "bundle", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--count", type=int, default=400, help="holes, the first of the sample file")
    parser.add_argument("--pipelines", default=PIPELINES)
    parser.add_argument("--workers", type=int, help="single-threaded workers; one for every core unless given")
    args = parser.parse_args()
    setting = json.loads(args.config.read_text())["prompt"]
    torch.manual_seed(0)
    device = pick_device()
    samples = Samples(args.data / "samples-heldout.npz")
    count = min(args.count, len(samples))
    prompts = Prompts(args.bundle, samples, count, setting["chunk_tokens"] + CHUNK_SPECIALS, device)
    tokenizer = load_tokenizer(args.bundle / "decoder/tokenizer.json")
    end = prompts.ids[0]
    pipelines = args.pipelines.split(",")
    repositories = samples.data["packages"][samples.data["package"]]

    def complete(job):
        """The rows of one batch of holes under one pipeline."""
        pipeline, holes = job
        made = [prompts.of(i, pipeline) for i in holes]
        outputs = generate(prompts.decoder, made, setting["max_new_tokens"], end)
        middles = [samples.parts(i)[3] for i in holes]
        nats = entropies(prompts.decoder, made, [np.append(m, end) for m in middles])
        rows = []
        for i, x, output, middle, h in zip(holes, made, outputs, middles, nats):
            exact, similarity = score(tokenizer.decode(output), tokenizer.decode(middle.tolist()))
            rows.append({"pipeline": pipeline, "hole": i, "repository": str(repositories[i]), "promptTokens": len(x)})
            rows[-1].update(exactMatch=int(exact), editSimilarity=round(similarity, 6), nats=round(h, 6))
        return rows

    order = sorted(range(count), key=lambda i: len(samples.parts(i)[1]) + len(samples.parts(i)[2]))
    jobs = [(p, order[j : j + BATCH]) for p in pipelines for j in range(0, count, BATCH)]
    # One single-threaded worker per core; a GPU takes one batch after another.
    workers = args.workers or (1 if device.type == "cuda" else len(os.sched_getaffinity(0)))
    torch.set_num_threads(1)
    rows = []
    with ThreadPoolExecutor(workers) as pool:
        for number, found in enumerate(pool.map(complete, jobs), 1):
            rows += found
            print(f"batch {number} of {len(jobs)}", flush=True)
    rows.sort(key=lambda row: (pipelines.index(row["pipeline"]), row["hole"]))

    about = json.loads((args.bundle / "bundle.json").read_text())
    head = {"schema": SCHEMA, "bundle": about["name"], "version": about["version"], "holes": count}
    head.update(torch=torch.__version__, device=device.type)
    for name, vectors in (("encoder", prompts.encoded), ("projector", prompts.projected.cpu())):
        head[name] = dict(zip(("meanCosine", "effectiveRank"), geometry(vectors)))
    unfinished = args.out.with_name(args.out.name + ".tmp")
    unfinished.write_text("".join(json.dumps(line) + "\n" for line in (head, *rows)))
    unfinished.rename(args.out)
    print(f"{args.out}: {len(rows)} rows of {count} holes")


if __name__ == "__main__":
    main()
