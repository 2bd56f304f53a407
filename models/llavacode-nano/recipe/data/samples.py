"""Completion samples with retrieved context, stored as token ids.

A sample is one hole of a file: ``left`` (ends with the hole line's indentation),
``middle`` (the line without indentation and newline, or a few lines), ``right``
(starts with the newline) and the context block ``K`` of the chunks retrieved from
other files of the package.  Token ids are stored at evaluation length: left keeps
its last, right and K their first tokens.

File ``<data>/samples-<name>.npz``:
  tokens       uint16, all parts one after another
  bounds       int64 [n, 5], start of K, left, right, middle and the end of middle
  chunks       int32 [n, top_k], rows of the chunk table, best first, -1 = none
  chunk_tokens, chunk_bounds   encoder ids of every chunk text, without specials
  query_tokens, query_bounds   encoder ids of every sample's retrieval query
  package      int32 [n]; packages: the names

Usage: python -m data.samples --data DIR --config FILE --name NAME   (NAME is a key of the config's "samples")
"""

import argparse
import json
import random
import re
from multiprocessing import Pool
from pathlib import Path

import numpy as np

from data.prompt import BATCH, budgets, context_block, encode, encode_heads, encode_tails, load_tokenizer
from data.retrieve import PackageIndex, query_text

TRIVIAL = re.compile(r"^(//|/\*|\*|import\b|export \* |\} from )")
PACKAGE_CAP = 1_500_000  # bytes above which a package gets no more samples


def split_hole(lines, start, count):
    """(left, middle, right) around ``count`` lines from ``start``; their join is the file."""
    line = lines[start]
    indent = line[: len(line) - len(line.lstrip())]
    left = "".join(x + "\n" for x in lines[:start]) + indent
    middle = "\n".join([line[len(indent) :]] + lines[start + 1 : start + count])
    rest = lines[start + count :]
    return left, middle, "\n" + "\n".join(rest) if rest else ""


def is_code(line):
    """Whether a line is worth completing: no blank, comment, import or bare bracket line."""
    line = line.strip()
    return len(line) >= 8 and re.search(r"[A-Za-z]{2}", line) is not None and not TRIVIAL.match(line)


def holes_of_package(job):
    """Text samples of one package: list of (left, middle, right, query, [window index]) plus its windows."""
    files, count, multi_line, top_k, seed = job
    rng = random.Random(seed)
    index = PackageIndex(files)
    weights = [min(len(text), 40_000) for _, text in files]
    per_file = {}
    for f in rng.choices(range(len(files)), weights, k=count):
        per_file[f] = per_file.get(f, 0) + 1
    samples = []
    for f, wanted in per_file.items():
        lines = files[f][1].split("\n")
        if len(lines) < 8:
            continue
        code = [i for i in range(2, len(lines) - 1) if is_code(lines[i])]
        if not code:
            continue
        chosen = rng.sample(code, min(wanted, len(code)))
        holes = []
        for start in chosen:
            span = rng.randint(2, 5) if rng.random() < multi_line else 1
            while span > 1 and (start + span >= len(lines) or not lines[start + span - 1].strip()):
                span -= 1
            holes.append(split_hole(lines, start, span))
        queries = [query_text(left) for left, _, _ in holes]
        found = index.search(f, queries, top_k)
        samples += [(*hole, query, shown) for hole, query, shown in zip(holes, queries, found)]
    used = sorted({w for s in samples for w in s[4]})
    return samples, {w: (index.paths[index.owner[w]], index.windows[w]) for w in used}


def quotas(records, count):
    """Samples per package, proportional to its bytes up to PACKAGE_CAP."""
    sizes = {}
    for r in records:
        sizes[r["package"]] = sizes.get(r["package"], 0) + len(r["text"])
    capped = {p: min(s, PACKAGE_CAP) for p, s in sizes.items()}
    total = sum(capped.values())
    return {p: max(1, round(count * c / total)) for p, c in capped.items()}


def pack(arrays):
    """(flat uint16, bounds int64 [n + 1]) of a list of arrays."""
    bounds = np.cumsum([0] + [len(a) for a in arrays])
    return np.concatenate(arrays) if arrays else np.zeros(0, np.uint16), bounds


def build(records, config, tokenizers, count, multi_line, seed):
    """All arrays of one sample file (see the module's docstring).

    tokenizers: folder with ``decoder/tokenizer.json`` and ``encoder/tokenizer.json``.
    """
    lc, rc, kc = budgets(config["prompt"])
    decoder = load_tokenizer(tokenizers / "decoder/tokenizer.json")
    encoder = load_tokenizer(tokenizers / "encoder/tokenizer.json")
    top_k = config["prompt"]["top_k"]
    packages = {}
    for r in records:
        packages.setdefault(r["package"], []).append((r["path"], r["text"]))
    wanted = quotas(records, count)
    names = sorted(packages)
    jobs = [(packages[p], wanted[p], multi_line, top_k, f"{seed}-{p}") for p in names]
    samples, chunk_ids, chunk_texts = [], {}, []
    with Pool() as pool:
        for p, (found, windows) in enumerate(pool.imap(holes_of_package, jobs)):
            for left, middle, right, query, shown in found:
                rows = []
                for w in shown:
                    text = windows[w][1]
                    if text not in chunk_ids:
                        chunk_ids[text] = len(chunk_texts)
                        chunk_texts.append(text)
                    rows.append(chunk_ids[text])
                block = context_block([windows[w] for w in shown])
                samples.append((left, middle, right, query, rows, block, p))
    random.Random(seed).shuffle(samples)

    parts = []
    for i in range(0, len(samples), BATCH):
        batch = samples[i : i + BATCH]
        k = encode_heads(decoder, [s[5] for s in batch], kc)
        left = encode_tails(decoder, [s[0] for s in batch], lc)
        right = encode_heads(decoder, [s[2] for s in batch], rc)
        middle = encode(decoder, [s[1] for s in batch])
        for group in zip(k, left, right, middle):
            parts += group
    tokens, bounds = pack(parts)
    n = len(samples)
    chunks = np.full((n, top_k), -1, np.int32)
    for i, s in enumerate(samples):
        chunks[i, : len(s[4])] = s[4]
    limit = config["prompt"]["chunk_tokens"]
    chunk_tokens, chunk_bounds = pack([a[:limit] for a in encode(encoder, chunk_texts)])
    query_tokens, query_bounds = pack([a[-limit:] for a in encode(encoder, [s[3] for s in samples])])
    return {
        "tokens": tokens,
        "bounds": np.concatenate([bounds[:-1].reshape(n, 4), bounds[4::4, None]], 1),
        "chunks": chunks,
        "chunk_tokens": chunk_tokens,
        "chunk_bounds": chunk_bounds,
        "query_tokens": query_tokens,
        "query_bounds": query_bounds,
        "package": np.array([s[6] for s in samples], np.int32),
        "packages": np.array(names),
    }


class Samples:
    """Read access to a sample file."""

    def __init__(self, path):
        self.data = {key: value for key, value in np.load(path).items()}
        self.bounds, self.tokens, self.chunks = self.data["bounds"], self.data["tokens"], self.data["chunks"]

    def __len__(self):
        return len(self.bounds)

    def parts(self, i):
        """(K, left, right, middle) id arrays of sample i."""
        b = self.bounds[i]
        return [self.tokens[b[j] : b[j + 1]].astype(np.int64) for j in range(4)]

    def chunk(self, row):
        """Encoder ids of chunk ``row``, without specials."""
        b = self.data["chunk_bounds"]
        return self.data["chunk_tokens"][b[row] : b[row + 1]].astype(np.int64)

    def query(self, i):
        """Encoder ids of the retrieval query of sample i, without specials."""
        b = self.data["query_bounds"]
        return self.data["query_tokens"][b[i] : b[i + 1]].astype(np.int64)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--tokenizers", type=Path, help="folder of the tokenizers; <data>/tokenizers unless given")
    args = parser.parse_args()
    config = json.loads(args.config.read_text())
    plan = config["samples"][args.name]
    records = [r for r in map(json.loads, open(args.data / "corpus.jsonl")) if r["split"] == plan["split"]]
    tokenizers = args.tokenizers or args.data / "tokenizers"
    arrays = build(records, config, tokenizers, plan["count"], plan["multi_line"], args.name)
    np.savez(args.data / f"samples-{args.name}.npz", **arrays)
    widths = np.diff(arrays["bounds"], axis=1)
    print(f"samples                {len(arrays['bounds'])}")
    print(f"chunks in the table    {len(arrays['chunk_bounds']) - 1}")
    print(f"mean tokens K/left/right/middle  {' / '.join(f'{w:.0f}' for w in widths.mean(0))}")
    print(f"with context           {(arrays['chunks'][:, 0] >= 0).mean():.3f}")


if __name__ == "__main__":
    main()
