"""Fills the measured blocks of the card from the summaries of ``llava-eval run`` and the recipe's own measures.

Usage: python card.py --card README.md --run FOLDER         block "llava-eval run on npm-ts-lines"
       python card.py --card README.md --ablations FOLDER   block "ablations"
       python card.py --card README.md --evaluation FILE    block "held-out", from evaluate.py's evaluation.json

FOLDER of --ablations holds ``geometry.json`` (see ablations.py) and ``runs/NAME/summary.json``, one run
for each projector NAME and one called ``top-k``.  Only the text between a block's markers is replaced.
"""

import argparse
import json
import re
from pathlib import Path

NO_CONTEXT, FULL_RAG, COMPRESSED, RANDOM = "no-context", "full-rag", "compressed", "compressed-random"


def row_of(summary, pipeline, retriever="jaccard", top_k=None):
    """The summary's row of a configuration, or None."""
    for row in summary["rows"]:
        same = pipeline == NO_CONTEXT or (row["retriever"] == retriever and row["topK"] in (top_k or row["topK"],))
        if row["pipeline"] == pipeline and same:
            return row
    return None


def name_of(row):
    return row["pipeline"] if row["retriever"] is None else f"{row['pipeline']}/{row['retriever']}"


def signed(x, digits=2):
    return f"{x:+.{digits}f}".replace("-", "−")


def interval(ends, digits=2, scale=1):
    return "[" + ", ".join(f"{scale * x:.{digits}f}".replace("-", "−") for x in ends) + "]" if ends else ""


def difference(d):
    """``delta [interval]`` of a paired difference."""
    return "–" if d is None or d["delta"] is None else f"{signed(d['delta'])} {interval(d['ci95'])}".strip()


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def main_table(summary):
    rows = []
    for row in summary["rows"]:
        versus, reduction = row["vsNoContext"], row["ttftReductionVsFullRag"]
        rows.append(
            [
                name_of(row),
                f"{row['exactMatch']['mean']:.2f} {interval(row['exactMatch']['ci95'])}",
                f"{row['editSimilarity']['mean']:.2f} {interval(row['editSimilarity']['ci95'])}",
                difference(versus and versus["exactMatch"]),
                difference(versus and versus["editSimilarity"]),
                f"{row['ttftMs']['p50']:.1f}",
                f"{100 * reduction['p50']:.1f} % {interval(reduction['ci95'], 1, 100)}" if reduction else "–",
                f"{row['promptTokens']['mean']:.0f}",
            ]
        )
    head = ["Pipeline", "EM %", "ES %", "EM − no-context", "ES − no-context"]
    return table([*head, "TTFT p50, ms", "TTFT less than full-rag", "Prompt tokens"], rows)


def share(part, whole):
    return f"{100 * part / whole:.0f} %" if whole > 0 else "no gain to recover"


def demands(summary):
    """Rows (what must show, measured, reached) for the Jaccard retriever."""
    full, soft, random = (row_of(summary, p) for p in (FULL_RAG, COMPRESSED, RANDOM))
    full_em, full_es = (full["vsNoContext"][m] for m in ("exactMatch", "editSimilarity"))
    soft_em, soft_es = (soft["vsNoContext"][m] for m in ("exactMatch", "editSimilarity"))
    reduction = soft["ttftReductionVsFullRag"]
    answer = lambda reached: "reached" if reached else "**not reached**"  # noqa: E731
    rows = [
        ["full-rag − no-context ≥ +3.0 EM points", difference(full_em), answer(full_em["delta"] >= 3)],
        [
            "compressed − no-context > 0 in ES, p < 0.05",
            difference(soft_es) + (f", p = {soft_es['p']:.3g}" if soft_es["p"] is not None else ""),
            answer(soft_es["delta"] > 0 and soft_es["p"] is not None and soft_es["p"] < 0.05),
        ],
    ]
    for measure, least, gained, whole in (("EM", 50, soft_em, full_em), ("ES", 80, soft_es, full_es)):
        reached = whole["delta"] > 0 and 100 * gained["delta"] / whole["delta"] >= least
        what = f"compressed recovers ≥ {least} % of full-rag's {measure} gain"
        rows.append([what, share(gained["delta"], whole["delta"]), answer(reached)])
    if random is None:
        rows.append(["random soft vectors recover none", "not in this run", answer(False)])
    else:
        gain = random["vsNoContext"]["editSimilarity"]
        nothing = gain["verdict"] != "better" and random["vsNoContext"]["exactMatch"]["verdict"] != "better"
        rows.append(["random soft vectors recover none", f"ES {difference(gain)}", answer(nothing)])
    less = f"{100 * reduction['p50']:.1f} % {interval(reduction['ci95'], 1, 100)}"
    rows.append(["TTFT ≥ 38 % less than full-rag", less, answer(reduction["p50"] >= 0.38)])
    return table(["Wanted, with the Jaccard retriever", "Measured", ""], rows)


def run_block(folder):
    summary = json.loads((folder / "summary.json").read_text())
    basis = summary["inference"]
    over = f"{basis['repositories']} repositories" if basis["basis"] == "repositories" else "tasks"
    noise = summary["noiseFloor"]["ratio"] if summary.get("noiseFloor") else None
    timed = f" A/A: {noise['p50']:.3f}x {interval(noise['ci95'], 3)}." if noise else ""
    return (
        f"{summary['dataset']['tasks']} tasks, device {summary['device']}, top {', '.join(map(str, summary['topK']))}, "
        f"95 % intervals over {over}, differences paired by task.{timed}\n\n{main_table(summary)}\n\n{demands(summary)}"
    )


def ablation_block(folder):
    geometry = json.loads((folder / "geometry.json").read_text())
    rows = []
    for name, shape in geometry.items():
        path = folder / "runs" / name / "summary.json"
        cells = ["–"] * 3
        if path.exists():
            summary = json.loads(path.read_text())
            soft, random = row_of(summary, COMPRESSED), row_of(summary, RANDOM)
            versus = soft["vsNoContext"]
            control = random and random["vsNoContext"]["editSimilarity"]
            cells = [difference(versus["exactMatch"]), difference(versus["editSimilarity"]), difference(control)]
        if name == "encoder":
            name = "(before the projector)"
        rows.append([name, shape.get("steps", "–"), *cells, f"{shape['meanCosine']:.3f}", f"{shape['effectiveRank']:.1f}"])
    head = ["Projector", "Steps", "EM − no-context", "ES − no-context", "ES of random vectors", "Mean cosine", "Effective rank"]
    text, path = table(head, rows), folder / "runs/top-k/summary.json"
    if path.exists():
        summary = json.loads(path.read_text())
        rows = []
        for k in summary["topK"]:
            cells = [
                difference(versus[measure])
                for pipeline in (FULL_RAG, COMPRESSED)
                for versus in [row_of(summary, pipeline, top_k=k)["vsNoContext"]]
                for measure in ("exactMatch", "editSimilarity")
            ]
            rows.append([k, *cells])
        head = ["Top-k", "full-rag EM", "full-rag ES", "compressed EM", "compressed ES"]
        text += f"\n\nDifferences to no-context by top-k, {summary['dataset']['tasks']} tasks:\n\n{table(head, rows)}"
    return text


def evaluation_block(path):
    results = json.loads(path.read_text())
    measures = (("exactMatch", 2), ("editSimilarity", 2), ("crossEntropy", 3))
    pipelines = [name for name, row in results.items() if isinstance(row, dict)]

    def rows_of(key, show):
        """A line for every pipeline that has values under ``key`` (None: its own)."""
        found = [(name, results[name] if key is None else results[name].get(key)) for name in pipelines]
        return [[name, *(show(*row[m], digits) for m, digits in measures)] for name, row in found if row]

    plain = lambda mean, low, high, digits: f"{mean:.{digits}f} {interval((low, high), digits)}"  # noqa: E731
    paired = lambda mean, low, high, digits: f"{signed(mean, digits)} {interval((low, high), digits)}"  # noqa: E731
    head = ["Pipeline", "Exact match", "Edit similarity", "Cross entropy"]
    own = [[*row, f"{results[row[0]]['promptTokens']:.0f}"] for row in rows_of(None, plain)]
    text = f"{results['count']} holes:\n\n" + table([*head, "Mean prompt tokens"], own)
    for key, title in (
        (f"versus {NO_CONTEXT}", "Paired differences to `no-context`"),
        ("versus the other weights", "Paired differences to the weights of version 0.1.0, on the same holes"),
    ):
        rows = rows_of(key, paired)
        text += f"\n\n{title}:\n\n{table(head, rows)}" if rows else ""
    if "meanCosine" in results:
        text += (
            f"\n\nGeometry of the held-out chunk vectors: mean pairwise cosine {results['encoderMeanCosine']} before the projector "
            f"and {results['meanCosine']} after it; effective rank {results['encoderEffectiveRank']} before and "
            f"{results['effectiveRank']} after."
        )
    return text


def fill(card, block, text):
    """The card's text with what stands between the markers of ``block`` replaced."""
    pattern = re.compile(rf"(<!-- BEGIN {block} -->\n).*?(\n<!-- END {block} -->)", re.S)
    filled, count = pattern.subn(lambda m: m[1] + text + m[2], card)
    if count != 1:
        raise SystemExit(f"the card has {count} blocks called '{block}', expected 1")
    return filled


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--card", type=Path, required=True)
    parser.add_argument("--run", type=Path)
    parser.add_argument("--ablations", type=Path)
    parser.add_argument("--evaluation", type=Path)
    args = parser.parse_args()
    card = args.card.read_text()
    if args.run:
        card = fill(card, "llava-eval run on npm-ts-lines", run_block(args.run))
    if args.ablations:
        card = fill(card, "ablations", ablation_block(args.ablations))
    if args.evaluation:
        card = fill(card, "held-out", evaluation_block(args.evaluation))
    args.card.write_text(card)


if __name__ == "__main__":
    main()
