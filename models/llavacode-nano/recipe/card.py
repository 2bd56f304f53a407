"""Puts the measures of ``evaluate.py`` into the card, between the markers of its block "held-out".

The card's other measured blocks are written by the harness (``npm run model-card``, ``npm run check:ablations``).

Usage: python card.py --card README.md --evaluation WORK/evaluation.json
"""

import argparse
import json
import re
from pathlib import Path

BASE = "no-context"
BLOCK = re.compile(r"(<!-- BEGIN held-out -->\n).*?(<!-- END held-out -->)", re.S)
MEASURES = {"exactMatch": ("Exact match", 2), "editSimilarity": ("Edit similarity", 2), "crossEntropy": ("Cross entropy", 3)}
PAIRED = {
    f"versus {BASE}": f"Paired differences to `{BASE}`",
    "versus the other weights": "Paired differences to the weights before, on the same holes",
}


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def cells(row, signed):
    """``mean [low, high]`` of every measure."""
    out = []
    for name, (_, digits) in MEASURES.items():
        mean, low, high = (f"{x:.{digits}f}" for x in row[name])
        out.append(f"{'+' if signed and float(mean) > 0 else ''}{mean} [{low}, {high}]".replace("-", "−"))
    return out


def block(results):
    pipelines = {name: row for name, row in results.items() if isinstance(row, dict)}
    head = ["Pipeline", *(title for title, _ in MEASURES.values())]
    own = [[name, *cells(row, False), f"{row['promptTokens']:.0f}"] for name, row in pipelines.items()]
    parts = [f"{results['count']} holes:", table([*head, "Mean prompt tokens"], own)]
    for key, title in PAIRED.items():
        rows = [[name, *cells(row[key], True)] for name, row in pipelines.items() if key in row]
        parts += [f"{title}:", table(head, rows)] if rows else []
    if "meanCosine" in results:
        parts.append(
            f"Geometry of the held-out chunk vectors: mean pairwise cosine {results['encoderMeanCosine']} before the projector and "
            f"{results['meanCosine']} after it; effective rank (exponential of the entropy of the normalised singular values of the "
            f"centred unit vectors) {results['encoderEffectiveRank']} before and {results['effectiveRank']} after."
        )
    return "\n\n".join(parts)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--card", type=Path, required=True)
    parser.add_argument("--evaluation", type=Path, required=True)
    args = parser.parse_args()
    text = block(json.loads(args.evaluation.read_text()))
    card, count = BLOCK.subn(lambda m: f"{m[1]}{text}\n{m[2]}", args.card.read_text())
    if count != 1:
        raise SystemExit(f"{args.card}: has {count} blocks between <!-- BEGIN held-out --> and <!-- END held-out -->, expected 1")
    args.card.write_text(card)


if __name__ == "__main__":
    main()
