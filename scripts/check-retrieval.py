"""Second half of the retrieval check: the repoformer profile written again over NLTK and rank_bm25.

    npx tsx scripts/check-retrieval.ts /tmp/rankings.json
    pip install nltk==3.9.1 rank_bm25==0.2.2 && python scripts/check-retrieval.py /tmp/rankings.json

Compares every ranking chunk for chunk and score for score; ends with 1 if any differs.
"""

import json
import os
import re
import sys

from nltk.tokenize import NLTKWordTokenizer
from rank_bm25 import BM25Okapi

WINDOW, STRIDE, QUERY_LINES, MOST, TOP_K = 10, 5, 10, 1000, 10


def tokens(text):
    return [word for piece in NLTKWordTokenizer().tokenize(text) for word in re.findall(r"\w+", piece)]


def distance(a, b):
    common = os.path.commonpath([os.path.dirname("/" + a), os.path.dirname("/" + b)])
    return sum(os.path.relpath("/" + path, common).count("/") for path in (a, b))


def candidates(files, target):
    """(path, number in its file, text, tokens, text of the next window), nearest file first."""
    found = []
    others = [file for file in files if file["path"] != target]
    for file in sorted(others, key=lambda file: (distance(target, file["path"]), file["path"]))[:MOST]:
        lines = [line for line in file["text"].split("\n") if line.strip()]
        windows = ["\n".join(lines[start : start + WINDOW]) for start in range(0, len(lines), STRIDE)]
        windows = [window for window in windows if tokens(window)]
        following = windows[1:] + windows[-1:]
        found += [(file["path"], k, w, tokens(w), n) for k, (w, n) in enumerate(zip(windows, following))]
    return found[:MOST]


def rank(pool, scores):
    order = sorted(range(len(pool)), key=lambda i: (scores[i], f"{pool[i][0]}|{pool[i][1]}"), reverse=True)[:TOP_K]
    shown = {}
    for i in order:
        shown.setdefault(pool[i][4], (pool[i][0], pool[i][4], scores[i]))
    return list(shown.values())


def main():
    compared = different = 0
    largest = 0.0
    for repository in json.load(open(sys.argv[1], encoding="utf8")):
        for task in repository["tasks"]:
            pool = candidates(repository["files"], task["path"])
            lines = [line for line in task["prefix"].split("\n") if line.strip()]
            query = tokens("\n".join(lines[-QUERY_LINES:]))
            wanted = set(query)
            scores = {
                "jaccard": [len(wanted & set(c[3])) / len(wanted | set(c[3])) for c in pool],
                "bm25": list(BM25Okapi([c[3] for c in pool]).get_scores(query)),
            }
            for name, ours in task["rankings"].items():
                expected = rank(pool, scores[name])
                compared += 1
                if [e[:2] for e in expected] != [(c["path"], c["text"]) for c in ours]:
                    different += 1
                    print(f"{repository['name']}/{task['path']} {name}: other chunks or another order")
                else:
                    largest = max([largest] + [abs(e[2] - c["score"]) for e, c in zip(expected, ours)])
    print(f"{compared} rankings compared, {different} differ; largest difference of a score {largest:.2g}")
    return 1 if different or largest > 1e-9 else 0


sys.exit(main())
