"""Greedy line completion on held-out holes: no-context, full-rag, compressed and controls.

Exact match and edit similarity are LlavaCode's (first non-blank line of the output,
whitespace- and quote-insensitive tokens; 1 - Levenshtein / longer length).  Cross
entropy is that of the true line and the end token, per token, averaged over holes.

Usage: python evaluate.py --work DIR --config FILE --count N [--against DIR]
Writes ``<work>/evaluation.json`` and the measures of every hole, and prints the table.
``--against`` adds the paired differences to another work folder's evaluation.
"""

import argparse
import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

from model import BOS, ENCODER_ONLY, EOS, PAD, Decoder, Encoder, Projector, fim_ids, pad_rows
from samples import Samples
from workers import pick_device

SPECIALS = 4  # <s> <encoder-only> </s> ... </s>
RESAMPLES = 2000
BATCH = 16
MEASURES = (("exactMatch", 100), ("editSimilarity", 100), ("crossEntropy", 1))  # percent, percent, nats per token


def chunk_input(ids, limit):
    """UniXcoder's encoder-only input of a chunk, at most ``limit`` ids."""
    return np.concatenate(([BOS, ENCODER_ONLY, EOS], ids[: limit - SPECIALS], [EOS]))


@torch.no_grad()
def encode_chunks(encoder, rows, limit, device, batch=128):
    """Normalised vectors [n, e] of chunk id rows (without specials)."""
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    out = torch.zeros(len(rows), encoder.embeddings["word_embeddings"].embedding_dim)
    for i in range(0, len(order), batch):
        part = order[i : i + batch]
        ids = pad_rows([chunk_input(rows[j], limit) for j in part], PAD).to(device)
        with torch.autocast(device.type, torch.bfloat16):
            vectors = encoder(ids)
        out[part] = F.normalize(vectors.float(), dim=1).cpu()
    return out


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


def tokens_of(text):
    """LlavaCode's exact-match tokens (its ``eval_metric.py``)."""
    text = re.sub(r"([^A-Za-z0-9_])", r" \1 ", text)
    text = re.sub(r"([a-z])([A-Z])", r"\1 \2", text)
    return re.sub(r"[\"']", "`", text).split()


def levenshtein(a, b):
    previous = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        row = [i]
        for j, y in enumerate(b, 1):
            row.append(min(row[-1] + 1, previous[j] + 1, previous[j - 1] + (x != y)))
        previous = row
    return previous[-1]


def score(prediction, reference):
    """(exact match, edit similarity) of a one-line reference."""
    lines = [line for line in prediction.split("\n") if line.strip()]
    line = lines[0] if lines else ""
    a, b = line.strip(), reference.strip()
    similarity = 1 - levenshtein(a, b) / max(len(a), len(b)) if a or b else 0.0
    return float(tokens_of(line) == tokens_of(reference)), similarity


def interval(values, rng, scale):
    """Mean and 95 % bootstrap interval, times ``scale``."""
    draws = values[rng.integers(0, len(values), (RESAMPLES, len(values)))].mean(1)
    low, high = np.percentile(draws, [2.5, 97.5])
    return [round(scale * float(x), 3) for x in (values.mean(), low, high)]


def geometry(vectors):
    """Mean pairwise cosine and effective rank (exp of the singular values' entropy) of [n, d]."""
    unit = F.normalize(vectors, dim=1)
    n = len(unit)
    cosine = ((unit.sum(0) ** 2).sum() - n) / (n * (n - 1))
    singular = torch.linalg.svdvals(unit - unit.mean(0))
    p = singular / singular.sum()
    return round(cosine.item(), 4), round(float(torch.exp(-(p * (p + 1e-12).log()).sum())), 1)


def load(module, path, device):
    if path.exists():
        module.load_state_dict(torch.load(path, map_location="cpu")["model"])
    return module.to(device).eval()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--pipelines", default="no-context,full-rag,compressed,compressed-random,compressed-shuffled")
    parser.add_argument("--against", type=Path, help="work folder that was evaluated on the same holes")
    args = parser.parse_args()
    config = json.loads(args.config.read_text())
    torch.manual_seed(0)
    device = pick_device()
    d, e, limit = config["decoder"], config["encoder"], config["prompt"]["chunk_tokens"] + SPECIALS
    end, prefix, suffix, middle_token = fim_ids(d["vocab_size"])
    decoder = load(Decoder(d), args.work / "decoder.pt", device)
    samples = Samples(args.work / "samples-heldout.npz")
    tokenizer = Tokenizer.from_file(str(args.work / "tokenizers/decoder/tokenizer.json"))
    count = min(args.count, len(samples))
    pipelines = args.pipelines.split(",")
    projected = None
    if any(p.startswith("compressed") for p in pipelines):
        encoder = load(Encoder(e), args.work / "encoder.pt", device)
        projector = load(Projector(e["hidden_size"], d["hidden_size"]), args.work / "projector.pt", device)
        used = np.unique(samples.chunks[:count])
        used = used[used >= 0]
        encoded = encode_chunks(encoder, [samples.chunk(r) for r in used], limit, device)
        with torch.no_grad():
            projected = projector(encoded.to(device))
            random = projector(F.normalize(torch.randn_like(encoded), dim=1).to(device))
        row_of = {int(r): i for i, r in enumerate(used)}

    def soft(i, pipeline):
        rows = [row_of[r] for r in samples.chunks[i] if r >= 0]
        if pipeline == "compressed-random":
            return random[rows]
        if pipeline == "compressed-shuffled":
            other = (i + count // 2) % count
            rows = [row_of[r] for r in samples.chunks[other] if r >= 0]
        return projected[rows]

    def prompt(i, pipeline):
        k, left, right, _ = samples.parts(i)
        ids = np.concatenate(([prefix], left, [suffix], right, [middle_token]))
        if pipeline == "full-rag":
            ids = np.concatenate((k, ids))
        with torch.no_grad():
            x = decoder.embed(torch.as_tensor(ids, device=device))
        return torch.cat((soft(i, pipeline), x)) if pipeline.startswith("compressed") else x

    def complete(job):
        """(pipeline, [(hole, prompt tokens, exact match, edit similarity, cross entropy)]) of one batch."""
        pipeline, part = job
        prompts = [prompt(i, pipeline) for i in part]
        outputs = generate(decoder, prompts, config["prompt"]["max_new_tokens"], end)
        middles = [samples.parts(i)[3] for i in part]
        entropy = entropies(decoder, prompts, [np.append(m, end) for m in middles])
        scored = [score(tokenizer.decode(ids), tokenizer.decode(m.tolist())) for ids, m in zip(outputs, middles)]
        return pipeline, [(i, len(p), *s, h) for i, p, s, h in zip(part, prompts, scored, entropy)]

    order = sorted(range(count), key=lambda i: len(samples.parts(i)[1]) + len(samples.parts(i)[2]))
    jobs = [(p, order[j : j + BATCH]) for p in pipelines for j in range(0, count, BATCH)]
    scores = {p: np.zeros((count, 3)) for p in pipelines}
    lengths = {p: np.zeros(count) for p in pipelines}
    # One single-threaded worker per core; a GPU takes one batch after another.
    workers = 1 if device.type == "cuda" else len(os.sched_getaffinity(0))
    torch.set_num_threads(1)
    with ThreadPoolExecutor(workers) as pool:
        for pipeline, rows in pool.map(complete, jobs):
            for i, length, *values in rows:
                lengths[pipeline][i], scores[pipeline][i] = length, values

    np.savez(args.work / "evaluation-holes.npz", **scores)
    before = np.load(args.against / "evaluation-holes.npz") if args.against else {}

    def paired(values, others):
        delta = values - others
        return {name: interval(delta[:, j], rng, scale) for j, (name, scale) in enumerate(MEASURES)}

    results, rng = {"count": count}, np.random.default_rng(0)
    for pipeline in pipelines:
        values = scores[pipeline]
        results[pipeline] = {name: interval(values[:, j], rng, scale) for j, (name, scale) in enumerate(MEASURES)}
        results[pipeline]["promptTokens"] = round(float(lengths[pipeline].mean()), 1)
        if pipeline != pipelines[0]:
            results[pipeline][f"versus {pipelines[0]}"] = paired(values, scores[pipelines[0]])
        if pipeline in before:
            results[pipeline]["versus the other weights"] = paired(values, before[pipeline])
    if projected is not None:
        results["meanCosine"], results["effectiveRank"] = geometry(projected.cpu())
        results["encoderMeanCosine"], results["encoderEffectiveRank"] = geometry(encoded)
    (args.work / "evaluation.json").write_text(json.dumps(results, indent=1) + "\n")
    print(f"{count} held-out holes       exact match [95 %]       edit similarity [95 %]   cross entropy [95 %]")
    tables = ("", f"versus {pipelines[0]}", "versus the other weights")
    for title in tables:
        if title:
            print(title)
        for pipeline in pipelines:
            row = results[pipeline].get(title) if title else results[pipeline]
            if row:
                cells = ["{:6.2f} [{:.2f}, {:.2f}]".format(*row[name]) for name, _ in MEASURES]
                print(f"{pipeline:22} {cells[0]:24} {cells[1]:24} {cells[2]}")
    for key in ("meanCosine", "effectiveRank", "encoderMeanCosine", "encoderEffectiveRank"):
        if key in results:
            print(f"{key:22} {results[key]}")


if __name__ == "__main__":
    main()
