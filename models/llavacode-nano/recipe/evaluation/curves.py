"""Draws the training curves as one SVG: decoder, encoder and projector side by side, as far as they were trained.

Usage: python -m evaluation.curves --work DIR --out FILE
"""

import argparse
import json
from pathlib import Path

PANELS = (
    ("decoder", "tokens", 1e6, "million tokens", ("codeLoss", "middleLoss", "validNoContext", "validFullRag")),
    ("encoder", "chunks", 1e3, "thousand chunks", ("bag", "query", "reconstruction")),
    ("projector", "samples", 1e3, "thousand samples", ("crossEntropy", "align")),
)
COLORS = ("#4269d0", "#efb118", "#ff725c", "#3ca951")
WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 300, 240, 40, 30, 40


def read(path, x_key, scale, keys):
    """{key: [(x, y)]} of the lines of a curve file."""
    lines = [json.loads(line) for line in open(path)]
    return {key: [(r[x_key] / scale, r[key]) for r in lines if key in r] for key in keys}


def drawn(path):
    return path.exists() and path.stat().st_size > 0


def ticks(high, count=5):
    """Round tick values from 0 to ``high``."""
    step = next(s * 10**p for p in range(-3, 6) for s in (1, 2, 5) if s * 10**p * count >= high)
    return [i * step for i in range(int(high / step) + 1)]


def panel(title, x_label, series):
    points = [p for line in series.values() for p in line]
    x_high, y_high = (max(p[i] for p in points) * 1.02 for i in (0, 1))
    plot_w, plot_h = WIDTH - LEFT - 10, HEIGHT - TOP - BOTTOM
    place = lambda x, y: (LEFT + plot_w * x / x_high, TOP + plot_h * (1 - y / y_high))  # noqa: E731
    out = [f'<text x="{LEFT}" y="18" font-weight="bold">{title}</text>']
    for t in ticks(y_high):
        y = place(0, t)[1]
        out.append(f'<path d="M{LEFT} {y:.1f}h{plot_w}" stroke="#ddd"/>')
        out.append(f'<text x="{LEFT - 5}" y="{y + 3:.1f}" text-anchor="end">{t:g}</text>')
    for t in ticks(x_high):
        out.append(f'<text x="{place(t, 0)[0]:.1f}" y="{HEIGHT - BOTTOM + 14}" text-anchor="middle">{t:g}</text>')
    out.append(f'<text x="{LEFT + plot_w / 2}" y="{HEIGHT - 10}" text-anchor="middle">{x_label}</text>')
    for i, (name, line) in enumerate(series.items()):
        path = "L".join("{:.1f} {:.1f}".format(*place(*p)) for p in line)
        out.append(f'<path d="M{path}" fill="none" stroke="{COLORS[i]}" stroke-width="1.5"/>')
        out.append(f'<text x="{WIDTH - 12}" y="{TOP + 12 * i + 8}" text-anchor="end" fill="{COLORS[i]}">{name}</text>')
    return "".join(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    panels = [p for p in PANELS if drawn(args.work / f"{p[0]}-curve.jsonl")]
    body = "".join(
        f'<g transform="translate({i * WIDTH},0)">'
        + panel(f"{name} loss", label, read(args.work / f"{name}-curve.jsonl", x_key, scale, keys))
        + "</g>"
        for i, (name, x_key, scale, label, keys) in enumerate(panels)
    )
    size = f'viewBox="0 0 {WIDTH * len(panels)} {HEIGHT}" width="{WIDTH * len(panels)}" height="{HEIGHT}"'
    background = '<rect width="100%" height="100%" fill="#fff"/>'
    font = 'font-family="sans-serif" font-size="10" fill="#333"'
    args.out.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{background}<g {font}>{body}</g></svg>\n')


if __name__ == "__main__":
    main()
