"""Greedy line completion of a bundle on held-out holes: no-context, full-rag, compressed and controls.

Exact match and edit similarity are LlavaCode's (``evaluation/scores.py``).  ``nats`` is the cross entropy of
the true line and the end token, per token, teacher-forced.  The weights of the bundle are fp16; the arithmetic
is fp32, as the program's is unless it is told otherwise.

``compressed-random`` shows the projections of random unit vectors.  ``compressed-shuffled`` shows the chunks of
another hole.

Usage: python -m evaluation.evaluate --data DIR --config FILE --bundle FOLDER --out ROWS.jsonl [--count N]
Writes one JSON line that says what was measured, then one for every pipeline and hole.  Means and intervals are
made of these rows by the program's own statistics (``scripts/card-held-out.ts``); nothing is averaged here.
Until all is done the rows are in ``ROWS.jsonl.part``, where an interrupted evaluation goes on.
"""

import argparse
import hashlib
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


class Prefill:
    """Prompt embeddings (list of [T, C]) read by the decoder once; completions and cross entropies go on from there."""

    @torch.no_grad()
    def __init__(self, decoder, prompts):
        device = prompts[0].device
        self.decoder, self.width = decoder, max(len(p) for p in prompts)
        x = torch.stack([F.pad(p, (0, 0, self.width - len(p), 0)) for p in prompts])
        self.real = torch.stack([torch.arange(self.width, device=device) >= self.width - len(p) for p in prompts])
        mask = self.real[:, None, None] & torch.ones(self.width, self.width, dtype=torch.bool, device=device).tril()
        mask |= torch.eye(self.width, dtype=torch.bool, device=device)
        self.caches = [{} for _ in decoder.model["layers"]]
        self.last = decoder(x, mask, self.caches)[:, -1:]

    def go_on(self, x, mask, caches, offset):
        """Hidden states of embeddings ``x`` after what ``caches`` hold; mask [B, T, S]."""
        return self.decoder(x, mask[:, None], caches, offset)

    @torch.no_grad()
    def generate(self, new_tokens, end):
        """Greedy continuations, one id list a prompt, cut at ``end``."""
        caches, real, hidden = [dict(c) for c in self.caches], self.real, self.last
        rows = [[] for _ in real]
        done = [False] * len(rows)
        for step in range(new_tokens):
            token = self.decoder.logits(hidden[:, -1]).argmax(1)
            for i, t in enumerate(token.tolist()):
                done[i] = done[i] or t == end
                if not done[i]:
                    rows[i].append(t)
            if all(done) or step == new_tokens - 1:
                break
            real = F.pad(real, (0, 1), value=True)
            hidden = self.go_on(self.decoder.embed(token)[:, None], real[:, None], caches, self.width + step)
        return rows

    @torch.no_grad()
    def entropies(self, middles):
        """Mean cross entropy (nats per token) of each true middle (id arrays)."""
        device = self.last.device
        middles = [torch.as_tensor(m, device=device) for m in middles]
        hidden, longest = self.last, max(map(len, middles)) - 1
        if longest:
            ids = torch.stack([F.pad(m[:-1], (0, longest + 1 - len(m))) for m in middles])
            own = torch.ones(longest, longest, dtype=torch.bool, device=device).tril().expand(len(ids), -1, -1)
            mask = torch.cat((self.real[:, None].expand(-1, longest, -1), own), 2)
            caches = [dict(c) for c in self.caches]
            hidden = torch.cat((hidden, self.go_on(self.decoder.embed(ids), mask, caches, self.width)), 1)
        return [F.cross_entropy(self.decoder.logits(h[: len(m)]), m).item() for h, m in zip(hidden, middles)]


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


class Unfinished:
    """The rows of an evaluation that is not done yet, in a file whose first line says what is evaluated."""

    def __init__(self, path, about):
        self.path, self.rows = path, {}
        if path.exists():
            # A line that was cut off by an interruption is the last one and holds no row.
            lines = [line for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
            if lines and json.loads(lines[0]) == about:
                for row in map(json.loads, lines[1:]):
                    self.rows[row["pipeline"], row["hole"]] = row
        path.write_text("".join(json.dumps(line) + "\n" for line in (about, *self.rows.values())))

    def has(self, job):
        pipeline, holes = job
        return all((pipeline, i) in self.rows for i in holes)

    def add(self, rows):
        with open(self.path, "a") as out:
            out.write("".join(json.dumps(row) + "\n" for row in rows))
        self.rows.update({(row["pipeline"], row["hole"]): row for row in rows})


def digest(bundle, samples):
    """SHA-256 over the weights of a bundle and a sample file."""
    files = [*sorted(bundle.rglob("*.safetensors")), samples]
    return hashlib.sha256(b"".join(hashlib.sha256(f.read_bytes()).digest() for f in files)).hexdigest()


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
        self.encoded = encode_chunks(encoder, [samples.chunk(r) for r in used], limit, device, mixed=False)
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
    # One single-threaded worker per core; a GPU takes one batch after another.
    workers = args.workers or (1 if device.type == "cuda" else len(os.sched_getaffinity(0)))
    torch.set_num_threads(workers)
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
        prefill = Prefill(prompts.decoder, made)
        outputs = prefill.generate(setting["max_new_tokens"], end)
        middles = [samples.parts(i)[3] for i in holes]
        nats = prefill.entropies([np.append(m, end) for m in middles])
        rows = []
        for i, x, output, middle, h in zip(holes, made, outputs, middles, nats):
            exact, similarity = score(tokenizer.decode(output), tokenizer.decode(middle.tolist()))
            rows.append({"pipeline": pipeline, "hole": i, "repository": str(repositories[i]), "promptTokens": len(x)})
            rows[-1].update(exactMatch=int(exact), editSimilarity=round(similarity, 6), nats=round(h, 6))
        return rows

    order = sorted(range(count), key=lambda i: len(samples.parts(i)[1]) + len(samples.parts(i)[2]))
    jobs = [(p, order[j : j + BATCH]) for p in pipelines for j in range(0, count, BATCH)]
    torch.set_num_threads(1)
    about = {"count": count, "pipelines": pipelines, "sha256": digest(args.bundle, args.data / "samples-heldout.npz")}
    unfinished = Unfinished(args.out.with_name(args.out.name + ".part"), about)
    jobs = [job for job in jobs if not unfinished.has(job)]
    with ThreadPoolExecutor(workers) as pool:
        for number, found in enumerate(pool.map(complete, jobs), 1):
            unfinished.add(found)
            print(f"batch {number} of {len(jobs)}", flush=True)
    rows = [unfinished.rows[pipeline, i] for pipeline in pipelines for i in range(count)]

    described = json.loads((args.bundle / "bundle.json").read_text())
    head = {"schema": SCHEMA, "bundle": described["name"], "version": described["version"], "holes": count}
    head.update(torch=torch.__version__, device=device.type)
    for name, vectors in (("encoder", prompts.encoded), ("projector", prompts.projected.cpu())):
        head[name] = dict(zip(("meanCosine", "effectiveRank"), geometry(vectors)))
    made = args.out.with_name(args.out.name + ".tmp")
    made.write_text("".join(json.dumps(line) + "\n" for line in (head, *rows)))
    made.rename(args.out)
    unfinished.path.unlink()
    print(f"{args.out}: {len(rows)} rows of {count} holes")


if __name__ == "__main__":
    main()
