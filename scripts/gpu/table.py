"""One short table of everything that `latency.sh` left in a folder; standard library only.

    python table.py OUT
"""

import glob
import json
import os
import sys

PAPER = 'paper %'


def rows_of(folder):
    """Dictionaries of one result, whichever engine made it."""
    torch = os.path.join(folder, 'torch.json')
    if os.path.exists(torch):
        with open(torch) as file:
            result = json.load(file)
        for row in result['rows']:
            yield {**row, 'engine': f"{result['engine']} {result['device']}", 'card': result['card'],
                   'shape': result['shape'], 'dtype': result['dtype'], 'paper': None}
        return
    latency, run = (os.path.join(folder, name) for name in ('latency.json', 'run.json'))
    if not (os.path.exists(latency) and os.path.exists(run)):
        return
    with open(latency) as file:
        summary = json.load(file)['summary']
    with open(run) as file:
        run = json.load(file)
    proof = run['deviceProof']
    graphics = '; '.join(proof['graphics']) or run['hardware']['cpu']
    for row in summary['rows']:
        if row['pipeline'] != 'compressed':
            continue
        full = next(other for other in summary['rows'] if other['pipeline'] == 'full-rag'
                    and (other['lengths'], other['measure']) == (row['lengths'], row['measure']))
        yield {'measure': row['measure'], 'full': full['promptTokens'], 'compressed': row['promptTokens'],
               'fullMs': full['ttftMs'], 'compressedMs': row['ttftMs'], 'saved': 1 - row['ttftRatio']['p50'],
               'tokenMs': row['tokenMs'], 'again': summary['noiseFloor'][row['measure']]['p50'],
               'engine': f"llava-eval {run['spec']['device']}", 'card': graphics,
               'shape': run['decoder']['name'].removeprefix('synthetic:'), 'dtype': run['spec']['dtype'],
               'paper': row['paperReduction']}


found = [row for folder in sorted(glob.glob(os.path.join(sys.argv[1], '*'))) if os.path.isdir(folder)
         for row in rows_of(folder)]
papers = {(r['shape'], r['full'], r['compressed'], r['measure']): r['paper'] for r in found if r['paper'] is not None}
for card in sorted({row['card'] for row in found}):
    print(card)
head = ['shape', 'engine', 'dtype', 'measure', 'tokens', 'TTFT ms', 'saved %', 'linear %', PAPER, 'ms/token', 'A/A']
table = [head]
for row in sorted(found, key=lambda r: (r['shape'], r['measure'], -r['full'], r['engine'])):
    paper = papers.get((row['shape'], row['full'], row['compressed'], row['measure']))
    table.append([
        row['shape'], row['engine'], row['dtype'], row['measure'], f"{row['full']}/{row['compressed']}",
        f"{row['fullMs']:.1f} > {row['compressedMs']:.1f}", f"{100 * row['saved']:.1f}",
        f"{100 * (1 - row['compressed'] / row['full']):.1f}", '' if paper is None else f'{100 * paper:.1f}',
        '' if row['tokenMs'] is None else f"{row['tokenMs']:.2f}", f"{row['again']:.3f}",
    ])
widths = [max(len(line[i]) for line in table) for i in range(len(head))]
for line in table:
    print('  '.join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())
if not found:
    print('(nothing was measured)')
