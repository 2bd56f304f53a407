"""Exact match and edit similarity, as LlavaCode scores a completion (its ``eval_metric.py``).

The program's own code is ``src/metrics/llavacode.ts``; ``test/recipe/parity.test.ts`` demands the same numbers.
"""

import re


def tokens_of(text):
    """LlavaCode's exact-match tokens: white space and the kind of quote do not count."""
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


def non_blank(text):
    return [line for line in text.split("\n") if line.strip()]


def compared(prediction, reference):
    """The first non-blank lines of ``prediction``, as many as ``reference`` has."""
    return "\n".join(non_blank(prediction)[: len(non_blank(reference))])


def score(prediction, reference):
    """(exact match, edit similarity), both fractions."""
    text = compared(prediction, reference)
    a, b = text.strip(), reference.strip()
    similarity = 1 - levenshtein(a, b) / max(len(a), len(b)) if a or b else 0.0
    return float(tokens_of(text) == tokens_of(reference)), similarity
