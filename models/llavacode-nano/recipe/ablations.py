"""Trains the projectors of the ablations, one after another, each from random weights and for the same steps.

All see the same samples in the same order, with the seeds of ``train_projector.py``; what differs
stands in VARIANTS.  Needs ``decoder.pt``, ``encoder.pt`` and the sample files in the work folder.
Every projector is written as ``<out>/<name>.safetensors`` as soon as it is trained, to be used with
``llava-eval run --projector``; what is there already is not trained again, and an interrupted one goes on.

Usage: python ablations.py --work DIR --config FILE --out FOLDER --steps N [--workers N] [--only NAME,NAME]
Writes ``<out>/geometry.json``: of the soft vectors of the held-out chunks the mean pairwise cosine
and the effective rank (see ``evaluate.py``), before the projector and after it.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch

from evaluate import SPECIALS, encode_chunks, geometry, load
from export import load_part, write
from model import Encoder, Projector
from samples import Samples

VARIANTS = {
    "3L": {},
    "2L": {"layers": 2},
    "4L": {"layers": 4},
    "3L-no-align": {"align": 0.0},
    "3L-2-tokens": {"tokens": 2},
    "3L-4-tokens": {"tokens": 4},
}


def train(args, name, variant):
    options = [str(x) for key, value in variant.items() for x in (f"--{key}", value)]
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(args.workers)]
    command += ["train_projector.py", "--work", args.work, "--config", args.config, "--fresh"]
    command += ["--steps", str(args.steps), "--name", f"ablation-{name}", *options]
    subprocess.run(list(map(str, command)), check=True, cwd=Path(__file__).parent, env={**os.environ, "OMP_NUM_THREADS": "1"})


def heldout_vectors(work, config):
    """Encoder vectors of all held-out chunks [n, e]."""
    encoder = load(Encoder(config["encoder"]), work / "encoder.pt", torch.device("cpu"))
    samples = Samples(work / "samples-heldout.npz")
    used = np.unique(samples.chunks[samples.chunks >= 0])
    limit = config["prompt"]["chunk_tokens"] + SPECIALS
    return encode_chunks(encoder, [samples.chunk(r) for r in used], limit, torch.device("cpu"))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("work", "config", "out"):
        parser.add_argument(f"--{name}", type=lambda p: Path(p).resolve(), required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--workers", type=int, default=1 if torch.cuda.is_available() else len(os.sched_getaffinity(0)))
    parser.add_argument("--only", default=",".join(VARIANTS))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    config = json.loads(args.config.read_text())
    e, d = config["encoder"]["hidden_size"], config["decoder"]["hidden_size"]
    encoded = heldout_vectors(args.work, config)
    results = args.out / "geometry.json"
    table = json.loads(results.read_text()) if results.exists() else {}
    table["encoder"] = dict(zip(("meanCosine", "effectiveRank"), geometry(encoded)))
    for name in args.only.split(","):
        path = args.out / f"{name}.safetensors"
        if path.exists():
            continue
        variant = VARIANTS[name]
        train(args, name, variant)
        fresh = Projector(e, d, variant.get("layers", 3), variant.get("tokens", 1))
        projector, _ = load_part(fresh, args.work / f"ablation-{name}.pt")
        with torch.no_grad():
            vectors = projector(encoded).view(-1, d)
        table[name] = {**dict(zip(("meanCosine", "effectiveRank"), geometry(vectors))), "steps": args.steps}
        write(projector, path.with_suffix(".tmp"))
        path.with_suffix(".tmp").rename(path)
        results.with_suffix(".tmp").write_text(json.dumps(table, indent=1) + "\n")
        results.with_suffix(".tmp").rename(results)
    print(f"{'projector':14} {'mean cosine':>12} {'effective rank':>15}")
    for name, row in table.items():
        print(f"{name:14} {row['meanCosine']:12.4f} {row['effectiveRank']:15.1f}")


if __name__ == "__main__":
    main()
