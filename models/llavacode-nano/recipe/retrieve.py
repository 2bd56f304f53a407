"""Jaccard retrieval inside one package, as Repoformer's sparse retriever does it.

Per package: blank lines removed, windows of 10 lines with stride 5 in every file,
the target file excluded, at most the first 1000 windows of the files nearest to the
target (path distance, then path), Jaccard on sets of ``\\w+`` tokens.  What is
returned is the window that FOLLOWS the best match in its file (the match itself at
file end); equal texts are returned once, so fewer than top-k may remain.
"""

import re

import numpy as np
from scipy import sparse

WORD = re.compile(r"\w+")
WINDOW, STRIDE, QUERY_LINES = 10, 5, 10
MAX_FILES = MAX_WINDOWS = 1000


def non_blank(lines):
    return [line for line in lines if line.strip()]


def query_text(left):
    """The last 10 non-blank lines of the left context."""
    return "\n".join(non_blank(left.split("\n"))[-QUERY_LINES:])


def path_distance(a, b):
    """Path separators of both paths relative to their common directory (siblings: 0)."""
    a, b = a.split("/")[:-1], b.split("/")[:-1]
    common = 0
    while common < min(len(a), len(b)) and a[common] == b[common]:
        common += 1
    return len(a) + len(b) - 2 * common


class PackageIndex:
    """Windows of all files of one package and their word sets.

    files: list of (path, text).
    """

    def __init__(self, files):
        self.paths = [path for path, _ in files]
        self.windows, self.owner, self.first = [], [], []
        words, rows, columns, ids = {}, [], [], []
        for f, (path, text) in enumerate(files):
            self.first.append(len(self.windows))
            lines = non_blank(text.split("\n"))
            kept = 0
            for start in range(0, len(lines), STRIDE):
                window = "\n".join(lines[start : start + WINDOW])
                tokens = set(WORD.findall(window))
                if not tokens:
                    continue
                rows.extend([len(self.windows)] * len(tokens))
                columns.extend(words.setdefault(t, len(words)) for t in tokens)
                ids.append(f"{path}|{kept}")
                kept += 1
                self.windows.append(window)
                self.owner.append(f)
        self.first.append(len(self.windows))
        self.words = words
        shape = (len(self.windows), len(words))
        self.matrix = sparse.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=shape)
        self.sizes = np.diff(self.matrix.indptr)
        # Equal scores rank by descending string order of the id "path|k".
        self.id_rank = np.empty(len(ids), np.int64)
        self.id_rank[sorted(range(len(ids)), key=ids.__getitem__)] = np.arange(len(ids))

    def candidates(self, target):
        """Window indices that may be returned for file ``target``, at most MAX_WINDOWS."""
        here = self.paths[target]
        others = [f for f in range(len(self.paths)) if f != target]
        others.sort(key=lambda f: (path_distance(here, self.paths[f]), self.paths[f]))
        picked, count = [], 0
        for f in others[:MAX_FILES]:
            picked.append(np.arange(self.first[f], self.first[f + 1]))
            count += len(picked[-1])
            if count >= MAX_WINDOWS:
                break
        return np.concatenate(picked)[:MAX_WINDOWS] if picked else np.zeros(0, np.int64)

    def search(self, target, queries, top_k):
        """Per query the window indices to show, best first."""
        rows = self.candidates(target)
        if not len(rows):
            return [[] for _ in queries]
        sets = [set(WORD.findall(q)) for q in queries]
        known = [[self.words[t] for t in s if t in self.words] for s in sets]
        indptr = np.cumsum([0] + [len(k) for k in known])
        columns = np.array([c for k in known for c in k], np.int64)
        query = sparse.csr_matrix((np.ones(len(columns), np.float32), columns, indptr), (len(sets), len(self.words)))
        shared = (query @ self.matrix[rows].T).toarray()
        union = self.sizes[rows][None] + np.array([len(s) for s in sets])[:, None] - shared
        scores = shared / union
        results = []
        for score in scores:
            best = np.lexsort((-self.id_rank[rows], -score))[:top_k]
            shown, texts = [], set()
            for w in rows[best]:
                if w + 1 < len(self.owner) and self.owner[w + 1] == self.owner[w]:
                    w = w + 1
                if self.windows[w] not in texts:
                    texts.add(self.windows[w])
                    shown.append(int(w))
            results.append(shown)
        return results
