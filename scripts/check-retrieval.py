"""Second half of the retrieval check: the published profiles written again over NLTK, rank_bm25 and tiktoken.

    npx tsx scripts/check-retrieval.ts /tmp/rankings.json
    pip install nltk==3.8.1 rank_bm25==0.2.2 tiktoken==0.14.0
    python scripts/check-retrieval.py /tmp/rankings.json

Compares every ranking chunk for chunk and score for score; ends with 1 if any differs. tiktoken gets its table of
merges from the JavaScript package, so that nothing has to be downloaded; pattern matching and merging are its own.
"""

import base64
import collections
import functools
import json
import os
import re
import sys

import tiktoken
from nltk.tokenize import NLTKWordTokenizer
from rank_bm25 import BM25Okapi

STRIDE = {"repoformer": 5, "cceval": 10}


@functools.cache
def words(text):
    return [word for piece in NLTKWordTokenizer().tokenize(text) for word in re.findall(r"\w+", piece)]


def distance(a, b):
    common = os.path.commonpath([os.path.dirname("/" + a), os.path.dirname("/" + b)])
    return sum(os.path.relpath("/" + path, common).count("/") for path in (a, b))


def full(text):
    return [line for line in text.split("\n") if line.strip()]


def score(scorer, query, documents):
    if scorer == "bm25":
        return list(BM25Okapi(documents).get_scores(query))
    wanted = set(query)
    return [len(wanted & set(d)) / max(1, len(wanted | set(d))) for d in documents]


def nearest(files, r):
    """The chunks of Repoformer and CrossCodeEval: (id, text), at most 1,000 to rank, and all of them by id."""
    target, stride = r["task"]["path"], STRIDE[r["profile"]]
    others = [f for f in files if f["path"] != target and (r["profile"] != "cceval" or f["path"].startswith("src/"))]
    chunks = []
    for file in sorted(others, key=lambda f: (distance(target, f["path"]), f["path"]))[:1000]:
        lines = full(file["text"])
        windows = ["\n".join(lines[i : i + 10]) for i in range(0, len(lines), stride)]
        chunks += [(f"{file['path']}|{k}", w) for k, w in enumerate(w for w in windows if words(w))]
    return chunks[:1000], dict(chunks)


def nearest_ranking(files, r, k):
    task = r["task"]
    chunks, text_of = nearest(files, r)
    before, answer, after = full(task["prefix"]), full(task["reference"]), full(task["suffix"])
    query = {"last-n": before[-10:], "oracle": (before + answer)[-10:], "two-sided": before[-5:] + after[:5]}[r["query"]]
    scores = score(r["scorer"], words("\n".join(query)), [words(text) for _, text in chunks])
    ranked = sorted(((s, i) for s, (i, _) in zip(scores, chunks)), reverse=True)
    path = lambda i: i.rsplit("|", 1)[0]
    if r["query"] != "last-n":
        texts = [text_of[i] for _, i in ranked]
        if r["isStrict"]:
            texts = [text for _, text in sorted(zip(scores, (t for _, t in chunks)), reverse=True)]
        return [(path(i), text, s) for (s, i), text in zip(ranked, texts)][:k]
    shown = {}
    for s, i in ranked[:k] if r["profile"] == "repoformer" else ranked:
        following = f"{path(i)}|{int(i.rsplit('|', 1)[1]) + 1}"
        shown.setdefault(text_of.get(following, text_of[i]), (path(i), s))
        if len(shown) == k:
            break
    return [(p, text, s) for text, (p, s) in shown.items()]


def repocoder_ranking(files, r, k, terms):
    task = r["task"]
    lines_of = {f["path"]: f["text"].splitlines() for f in sorted(files, key=lambda f: f["path"])}
    whole = next(f["text"] for f in files if f["path"] == task["path"])
    start = len(whole[: whole.index(task["prefix"] + task["reference"])].splitlines())
    hole = start + task["prefix"].count("\n")
    windows = collections.defaultdict(list)
    for path, lines in lines_of.items():
        for i in range(0, len(lines), 10):
            span = max(0, i - 10), min(len(lines), i + 10)
            windows["\n".join(lines[slice(*span)])].append((path, *span))
    fine = lambda origin: origin[0] != task["path"] or origin[2] <= start
    kept = [(text, origins) for text, origins in windows.items() if any(map(fine, origins))]
    target = lines_of[task["path"]]
    around = r["query"] == "oracle" or r["isStrict"]
    query = target[max(start, hole - 10) : hole + 10] if around else target[max(start, hole - 20) : hole]
    scores = score(r["scorer"], terms("\n".join(query)), [terms(text) for text, _ in kept])
    best = sorted(zip(scores, kept), key=lambda pair: pair[0])[-20:][::-1][:k]
    found = []
    for s, (text, origins) in best:
        if r["query"] == "oracle":
            found.append((next(filter(fine, origins))[0], text, s))
            continue
        for path, _, end in origins:
            end = min(end + 10, len(lines_of[path]))
            if path != task["path"] or end < hole:
                found.append((path, "\n".join(lines_of[path][max(0, end - 20) : end]), s))
                break
    return found


def p50k(table):
    ranks = {}
    for line in table["bpe_ranks"].split("\n"):
        _, first, *tokens = line.split(" ")
        ranks |= {base64.b64decode(token): int(first) + i for i, token in enumerate(tokens)}
    return tiktoken.Encoding("p50k", pat_str=table["pat_str"], mergeable_ranks=ranks, special_tokens=table["special_tokens"])


def main():
    data = json.load(open(sys.argv[1], encoding="utf8"))
    terms = functools.cache(p50k(data["p50k"]).encode_ordinary)
    files_of = {repository["name"]: repository["files"] for repository in data["repositories"]}
    compared, different, largest = collections.Counter(), 0, 0.0
    for r in data["rankings"]:
        files = files_of[r["repository"]]
        if r["profile"] == "repocoder":
            expected = repocoder_ranking(files, r, data["topK"], terms)
        else:
            expected = nearest_ranking(files, r, data["topK"])
        compared[r["profile"]] += 1
        if [e[:2] for e in expected] != [(c["path"], c["text"]) for c in r["found"]]:
            different += 1
            print(*(r[key] for key in ("repository", "profile", "query", "isStrict", "scorer")), r["task"]["path"], "differs")
        else:
            largest = max([largest] + [abs(e[2] - c["score"]) for e, c in zip(expected, r["found"])])
    print(f"{dict(compared)} rankings compared, {different} differ; largest difference of a score {largest:.2g}")
    return 1 if different or largest > 1e-9 else 0


sys.exit(main())
