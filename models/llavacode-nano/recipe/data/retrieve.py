"""Jaccard retrieval inside one package, by the rules of the program's profile ``repoformer``.

The rules: blank lines are removed.  Every file is cut into windows of 10 lines with
stride 5.  The target file is left out.  Candidates are the first 1000 windows of the
files nearest to the target (path distance, then path).  The score is the Jaccard
similarity of two sets of words.  What is returned is the window that FOLLOWS a match
in its file (the match itself at the end of the file).  Equal texts are returned once,
so fewer than top-k may remain.

The program's own code is ``src/retrieval/``; ``test/recipe/parity.test.ts`` demands
the same results from both.
"""

import re

import numpy as np
from scipy import sparse

WORD = re.compile(r"\w+")
WINDOW, STRIDE, QUERY_LINES = 10, 5, 10
MAX_FILES = MAX_WINDOWS = 1000
MAX_DISTANCE = 100

# English contractions are cut as NLTK 3.8.1 cuts them; ``src/retrieval/lexical-tokens.ts`` explains the rules. The model
# was trained while contractions before a newline were cut as well, as NLTK 3.9 does it.
MAY_CONTRACT = re.compile(r"n't|cannot|gimme|gonna|gotta|lemme|wanna|'tis|'twas", re.I)
APART_CHARACTERS = r"""[ \]\[(){}<>;@#$%&?!*"«»“”‘’„`]"""
APART = rf"{APART_CHARACTERS}|--|\.\.|''"
ENDS = rf"""{APART}|\Z|'(?={APART}|\Z)|[:,](?![0-9])|\.[\])}}>"'»”’ ]*\s*\Z"""
BEFORE_TIS = "|".join(f"(?<={x})" for x in (APART_CHARACTERS, "--", r"\.\.", "''", "[:,]", "can not", "gim me", "gon na", "got ta", "lem me"))
CONTRACTIONS = (
    (re.compile(rf"([^'\s])(n't|N'T)(?={ENDS})"), r"\1 \2"),
    (re.compile(r"(?<!\w)(?:(can)(not)|(gim)(me)|(gon)(na)|(got)(ta)|(lem)(me))(?!\w)", re.I), r"\1\3\5\7\9 \2\4\6\8\10"),
    (re.compile(rf"(?<!\w)(wan)(na)(?=\s|{ENDS})", re.I), r"\1 \2"),
    (re.compile(rf"(?:\A|{BEFORE_TIS})('t)(is|was)(?!\w)", re.I), r"\1 \2"),
)


def words(text):
    """The words of ``text`` in order, repeats kept.

    >>> words("if (!x) don't do_it(größe)")
    ['if', 'x', 'do', 'n', 't', 'do_it', 'größe']
    """
    if MAY_CONTRACT.search(text):
        for pattern, replacement in CONTRACTIONS:
            text = pattern.sub(replacement, text)
    return WORD.findall(text)


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
        numbers, rows, columns, ids = {}, [], [], []
        for f, (path, text) in enumerate(files):
            self.first.append(len(self.windows))
            lines = non_blank(text.split("\n"))
            kept = 0
            for start in range(0, len(lines), STRIDE):
                window = "\n".join(lines[start : start + WINDOW])
                found = set(words(window))
                if not found:
                    continue
                rows.extend([len(self.windows)] * len(found))
                columns.extend(numbers.setdefault(t, len(numbers)) for t in found)
                ids.append(f"{path}|{kept}")
                kept += 1
                self.windows.append(window)
                self.owner.append(f)
        self.first.append(len(self.windows))
        self.numbers = numbers
        shape = (len(self.windows), len(numbers))
        self.matrix = sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=shape)
        self.sizes = np.diff(self.matrix.indptr)
        # Equal scores rank by descending string order of the id "path|k".
        self.id_rank = np.empty(len(ids), np.int64)
        self.id_rank[sorted(range(len(ids)), key=ids.__getitem__)] = np.arange(len(ids))

    def candidates(self, target):
        """Window indices that may be returned for file ``target``, at most MAX_WINDOWS."""
        here = self.paths[target]
        others = [(path_distance(here, path), path, f) for f, path in enumerate(self.paths) if f != target]
        others = sorted(other for other in others if other[0] <= MAX_DISTANCE)
        picked, count = [], 0
        for _, _, f in others[:MAX_FILES]:
            picked.append(np.arange(self.first[f], self.first[f + 1]))
            count += len(picked[-1])
            if count >= MAX_WINDOWS:
                break
        return np.concatenate(picked)[:MAX_WINDOWS] if picked else np.zeros(0, np.int64)

    def search(self, target, queries, top_k):
        """Per query the window indices to show, best first."""
        return [[w for w, _ in shown] for shown in self.search_scored(target, queries, top_k)]

    def search_scored(self, target, queries, top_k):
        """Per query (window index to show, score of the match), best first."""
        rows = self.candidates(target)
        if not len(rows):
            return [[] for _ in queries]
        sets = [set(words(q)) for q in queries]
        known = [[self.numbers[t] for t in s if t in self.numbers] for s in sets]
        indptr = np.cumsum([0] + [len(k) for k in known])
        columns = np.array([c for k in known for c in k], np.int64)
        query = sparse.csr_matrix((np.ones(len(columns)), columns, indptr), (len(sets), len(self.numbers)))
        shared = (query @ self.matrix[rows].T).toarray()
        union = self.sizes[rows][None] + np.array([len(s) for s in sets])[:, None] - shared
        scores = shared / union
        results = []
        for score in scores:
            best = np.lexsort((-self.id_rank[rows], -score))[:top_k]
            shown, texts = [], set()
            for w, s in zip(rows[best], score[best]):
                if w + 1 < len(self.owner) and self.owner[w + 1] == self.owner[w]:
                    w = w + 1
                if self.windows[w] not in texts:
                    texts.add(self.windows[w])
                    shown.append((int(w), float(s)))
            results.append(shown)
        return results
