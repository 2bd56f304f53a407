"""Builds the training corpus from the pinned packages of ``corpus.json``.

``corpus.json`` names every package with version and npm integrity (sha512 of the
tarball); ``npm pack`` fetches it, so any npm configuration works.  Kept are the
TypeScript sources (``.ts``, ``.tsx``, ``.mts``; no declarations, tests, generated or
minified files).  Files are de-duplicated among themselves and against the
benchmark packages listed under ``excluded``.  The counts of the whole corpus must be
those of ``corpus.json``; ``--write-counts`` writes them there instead, after a change
of its packages.

Output: ``<data>/corpus.jsonl``, one ``{package, path, split, text}`` per file, ``path``
relative to the package root.

Usage: python -m data.corpus --data DIR [--config FILE] [--split heldout] [--write-counts]
A configuration with a part "corpus" takes only the packages that it names, and
``--split`` only those of one split: the counts are then not compared, but for the
packages of the split ``heldout``, of which nothing depends on the others.
"""

import argparse
import base64
import hashlib
import json
import re
import subprocess
import tarfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

LOCK = Path(__file__).parent.parent / "corpus.json"
SKIP_PATH = re.compile(
    r"(^|/)(node_modules|tests?|__tests__|__testfixtures__|__mocks__|testing|mocks?|fixtures?|e2e|stories|examples?|chromatic|generated)/"
    r"|\.(test|spec|stories|bench|gen|generated)\.[a-z]+$|\.d\.[a-z]*ts$"
)
SOURCE = re.compile(r"\.(ts|tsx|mts)$")
MIN_BYTES, MAX_BYTES = 300, 200_000
NEAR_DUPLICATE = 0.8  # estimated shingle Jaccard inside the corpus
BENCH_JACCARD = 0.5  # exact shingle Jaccard against a benchmark file
BENCH_RUN = 6  # consecutive non-trivial lines shared with a benchmark file
SHINGLE = 5  # words per shingle
PERMUTATIONS, BANDS = 64, 16
WORD = re.compile(r"\w+")
COMMENT_OR_IMPORT = re.compile(r"^(//|/\*|\*|import\b|export \* |\} from )")


def fetch(entry, cache):
    """Path of the package's tarball in ``cache``, fetched by npm if absent; its sha512 must match."""
    spec = f"{entry['package']}@{entry['version']}"
    tarball = cache / f"{entry['package'].lstrip('@').replace('/', '-')}-{entry['version']}.tgz"
    if not tarball.exists():
        subprocess.run(["npm", "pack", spec, "--silent"], cwd=cache, check=True, stdout=subprocess.DEVNULL)
    digest = "sha512-" + base64.b64encode(hashlib.sha512(tarball.read_bytes()).digest()).decode()
    if digest != entry["integrity"]:
        raise SystemExit(f"{tarball.name}: integrity {digest} differs from corpus.json ({entry['integrity']})")
    return tarball


def sources(tarball):
    """Yields (path, text) of the TypeScript sources of a package, sorted by path."""
    with tarfile.open(tarball) as tar:
        members = [m for m in tar.getmembers() if m.isfile() and SOURCE.search(m.name)]
        for member in sorted(members, key=lambda m: m.name):
            path = member.name.split("/", 1)[1]
            if SKIP_PATH.search(path) or not MIN_BYTES <= member.size <= MAX_BYTES:
                continue
            text = tar.extractfile(member).read().decode("utf-8", "replace").replace("\r\n", "\n").removeprefix("\ufeff")
            lines = text.split("\n")
            if max(map(len, lines)) > 1000 or len(text) / len(lines) > 90 or "\ufffd" in text or "<|" in text:
                continue
            if "@generated" in text[:2000] or "do not edit" in text[:600].lower():
                continue
            yield path, text


def shingles(text):
    """Sorted unique uint64 hashes of the word 5-grams of ``text``."""
    words = np.array([hash_word(w) for w in WORD.findall(text)], dtype=np.uint64)
    n = max(1, len(words) - SHINGLE + 1)
    mixed = np.zeros(n, dtype=np.uint64)
    for k in range(SHINGLE):
        part = words[k : k + n]
        mixed[: len(part)] = mixed[: len(part)] * np.uint64(0x9E3779B97F4A7C15) + part
    return np.unique(mixed)


_WORDS = {}


def hash_word(word):
    """64-bit hash of a word that does not depend on the process (cached)."""
    if word not in _WORDS:
        _WORDS[word] = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little")
    return _WORDS[word]


def near_duplicates(files):
    """Indices of files whose MinHash Jaccard with an earlier file exceeds NEAR_DUPLICATE."""
    rng = np.random.default_rng(0)
    a = rng.integers(1, 2**63, PERMUTATIONS, dtype=np.uint64) | np.uint64(1)
    b = rng.integers(0, 2**63, PERMUTATIONS, dtype=np.uint64)
    signatures = np.stack([(f["shingles"][:, None] * a + b).min(0) for f in files])
    rows = PERMUTATIONS // BANDS
    drop, buckets = set(), {}
    for i, signature in enumerate(signatures):
        keys = [(band, signature[band * rows : (band + 1) * rows].tobytes()) for band in range(BANDS)]
        seen = {j for key in keys for j in buckets.get(key, ())}
        if any((signatures[j] == signature).mean() > NEAR_DUPLICATE for j in seen):
            drop.add(i)
            continue
        for key in keys:
            buckets.setdefault(key, []).append(i)
    return drop


def line_runs(text):
    """Hashes of all runs of BENCH_RUN consecutive non-trivial lines (comments, imports and short lines are skipped)."""
    lines = [line.strip() for line in text.split("\n")]
    lines = [x for x in lines if len(x) >= 12 and WORD.search(x) and not COMMENT_OR_IMPORT.match(x)]
    return {hash(tuple(lines[i : i + BENCH_RUN])) for i in range(len(lines) - BENCH_RUN + 1)}


def benchmark_overlaps(files, bench):
    """Maps the index of a training file to the reason it overlaps a benchmark file."""
    hashes = {f["sha"] for f in bench}
    runs = set().union(*(line_runs(f["text"]) for f in bench))
    owners = {}
    for j, f in enumerate(bench):
        for s in f["shingles"].tolist():
            owners.setdefault(s, []).append(j)
    reasons = {}
    for i, f in enumerate(files):
        shared = Counter(j for s in f["shingles"].tolist() for j in owners.get(s, ()))
        close = any(
            n / (len(f["shingles"]) + len(bench[j]["shingles"]) - n) > BENCH_JACCARD for j, n in shared.items()
        )
        if f["sha"] in hashes:
            reasons[i] = "sameContent"
        elif close:
            reasons[i] = "shingleJaccard"
        elif not runs.isdisjoint(line_runs(f["text"])):
            reasons[i] = "sharedLines"
    return reasons


def read(entry, cache):
    """The source files of one package with content hash and shingles."""
    return [
        {
            "package": entry["package"],
            "split": entry.get("split", "train"),
            "path": path,
            "text": text,
            "sha": hashlib.sha256(text.encode()).hexdigest(),
            "shingles": shingles(text),
        }
        for path, text in sources(fetch(entry, cache))
    ]


def clean(files, bench):
    """(files without copies, sorted by package and path; report of what was dropped)."""
    report = {"files": len(files), "bytes": size_of(files), "benchmarkFiles": len(bench)}
    reasons = benchmark_overlaps(files, bench)
    report["droppedForBenchmark"] = dict(Counter(reasons.values()))
    files = [f for i, f in enumerate(files) if i not in reasons]

    # Held-out packages come first, so that of two copies the held-out one stays and training loses it.
    files.sort(key=lambda f: f["split"] != "heldout")
    first = {}
    unique = [f for f in files if first.setdefault(f["sha"], f) is f]
    near = near_duplicates(unique)
    report["droppedExactCopies"] = len(files) - len(unique)
    report["droppedNearCopies"] = len(near)
    files = sorted((f for i, f in enumerate(unique) if i not in near), key=lambda f: (f["package"], f["path"]))
    report["keptFiles"], report["keptBytes"] = len(files), size_of(files)
    return files, report


def size_of(files):
    return sum(len(f["text"].encode()) for f in files)


def chosen(lock, config, split):
    """(packages, benchmark packages) of corpus.json that are taken."""
    names = config.get("corpus", {})
    take = lambda part: [e for e in lock[part] if part not in names or e["package"] in names[part]]  # noqa: E731
    packages = [e for e in take("packages") if split is None or e.get("split", "train") == split]
    return packages, take("excluded")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--config", type=Path)
    parser.add_argument("--split", choices=("train", "heldout"))
    parser.add_argument("--write-counts", action="store_true")
    args = parser.parse_args()
    cache = args.data / "packages"
    cache.mkdir(parents=True, exist_ok=True)
    lock = json.loads(LOCK.read_text())
    packages, excluded = chosen(lock, json.loads(args.config.read_text()) if args.config else {}, args.split)
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda e: fetch(e, cache), packages + excluded))
    files, report = clean(
        [f for entry in packages for f in read(entry, cache)], [f for entry in excluded for f in read(entry, cache)]
    )
    is_whole = len(packages) == len(lock["packages"]) and len(excluded) == len(lock["excluded"])
    for entry in packages:
        own = [f for f in files if f["package"] == entry["package"]]
        counts = {"files": len(own), "bytes": size_of(own)}
        pinned = {key: entry.get(key) for key in counts}
        if args.write_counts:
            entry.update(counts)
        elif (is_whole or entry.get("split") == "heldout") and counts != pinned:
            raise SystemExit(
                f"{entry['package']}: {counts} were kept, corpus.json has {pinned}; "
                "look for what changed in data/corpus.py, or run it with --write-counts"
            )
    if args.write_counts:
        if not is_whole:
            raise SystemExit("--write-counts: needs all packages of corpus.json; leave --split and --config out")
        lock["report"] = report
        LOCK.write_text(json.dumps(lock, indent=1, ensure_ascii=False) + "\n")
    unfinished = args.data / "corpus.jsonl.tmp"
    with open(unfinished, "w") as out:
        for f in files:
            out.write(json.dumps({k: f[k] for k in ("package", "path", "split", "text")}) + "\n")
    unfinished.rename(args.data / "corpus.jsonl")
    for key, value in report.items():
        print(f"{key:22} {value}")


if __name__ == "__main__":
    main()
