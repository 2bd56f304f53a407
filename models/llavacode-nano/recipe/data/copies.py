"""How much of each sample's middle could be copied, from the context block and from the code before the hole.

The measure is the longest run of tokens of the middle that stands in the other part too, as a
share of the middle.  The middle's first token is left out: after indentation it is spelled
without the space that it has inside a commented line.

Usage: python -m data.copies --data DIR --name NAME   (prints the distribution of a sample file)
"""

import argparse
from pathlib import Path

import numpy as np

from data.samples import Samples


def longest_run(a, b):
    """Length of the longest run of tokens that ``a`` and ``b`` share.

    >>> longest_run([1, 2, 3, 4], [9, 2, 3, 7])
    2
    """
    if not len(a) or not len(b):
        return 0
    best, row = 0, np.zeros(len(b) + 1, np.int16)
    b = np.asarray(b)
    for token in a:
        row[1:] = np.where(b == token, row[:-1] + 1, 0)
        best = max(best, int(row.max()))
    return best


def copied_shares(samples, cache=None):
    """float32 [n, 2]: share of the middle's tokens in the longest run found in K, in the left context."""
    if cache is not None and cache.exists():
        return np.load(cache)
    shares = np.zeros((len(samples), 2), np.float32)
    for i in range(len(samples)):
        k, left, _, middle = samples.parts(i)
        tail = middle[1:]
        if len(tail) >= 2:
            shares[i] = longest_run(tail, k) / len(tail), longest_run(tail, left) / len(tail)
    if cache is not None:
        np.save(cache, shares)
    return shares


def repeats(shares, plan):
    """How often each sample counts in an epoch (a real number): more, the more of it can be copied.

    plan: {"from": share, "context": times, "file": times}
    """
    rich = np.clip((shares - plan["from"]) / (1 - plan["from"]), 0, 1)
    return 1 + rich[:, 0] * (plan["context"] - 1) + rich[:, 1] * (plan["file"] - 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--name", required=True)
    args = parser.parse_args()
    samples = Samples(args.data / f"samples-{args.name}.npz")
    shares = copied_shares(samples, args.data / f"copies-{args.name}.npy")
    for column, name in enumerate(("context", "file")):
        levels = [f"{level:.1f}: {(shares[:, column] >= level).mean():.3f}" for level in (0.3, 0.5, 0.7, 0.9, 1.0)]
        print(f"{name:8} share of samples with a copied run of at least  {'  '.join(levels)}")


if __name__ == "__main__":
    main()
