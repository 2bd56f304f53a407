"""Trains the projectors of the ablations, one after another, each from its own start and for the same steps.

All see the same samples in the same order, with the seeds of ``train_projector.py``; what differs
stands in VARIANTS.  Needs ``decoder.pt`` and ``encoder.pt`` in the work folder and the sample files in the data folder.
Every projector is written as ``<out>/<name>.safetensors`` as soon as it is trained; what is there
already is not trained again, and an interrupted one goes on from its checkpoint.  The harness then
measures them: ``npm run check:ablations -- <out>``.

Usage: python -m training.ablations --data DIR --work DIR --config FILE --out FOLDER --steps N [--workers N] [--only NAME,NAME]
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import torch

from training.export import load_part, write
from training.model import Projector

VARIANTS = {
    "3L": {},
    "2L": {"layers": 2},
    "4L": {"layers": 4},
    "3L-no-align": {"align": 0.0},
    "3L-2tokens": {"tokens": 2},
    "3L-4tokens": {"tokens": 4},
}


def train(args, name):
    variant = VARIANTS[name]
    common = ["--data", str(args.data), "--work", str(args.work), "--config", str(args.config), "--name", f"ablation-{name}"]
    shape = [str(x) for key in ("layers", "tokens") if key in variant for x in (f"--{key}", variant[key])]
    align = ["--align", str(variant["align"])] if "align" in variant else []
    here = Path(__file__).parent.parent
    if not (args.work / f"ablation-{name}-start.pt").exists():
        subprocess.run([sys.executable, "-m", "training.start_projector", *common, *shape], check=True, cwd=here)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(args.workers)]
    command += ["-m", "training.train_projector", *common, *shape, *align, "--steps", str(args.steps)]
    subprocess.run(command, check=True, cwd=here, env={**os.environ, "OMP_NUM_THREADS": "1"})


def last_line(path):
    return json.loads(path.read_text().splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("data", "work", "config", "out"):
        parser.add_argument(f"--{name}", type=lambda p: Path(p).resolve(), required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--workers", type=int, default=1 if torch.cuda.is_available() else len(os.sched_getaffinity(0)))
    parser.add_argument("--only", default=",".join(VARIANTS))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    config = json.loads(args.config.read_text())
    widths = config["encoder"]["hidden_size"], config["decoder"]["hidden_size"]
    names = args.only.split(",")
    for name in names:
        path = args.out / f"{name}.safetensors"
        if path.exists():
            continue
        train(args, name)
        variant = VARIANTS[name]
        fresh = Projector(*widths, variant.get("layers", 3), variant.get("tokens", 1))
        projector, _ = load_part(fresh, args.work / f"ablation-{name}.pt")
        write(projector, path.with_suffix(".tmp"))
        path.with_suffix(".tmp").rename(path)
    print(f"{'projector':14} {'steps':>6} {'cross entropy':>14} {'alignment':>10}   (training, last lines of the curves)")
    for name in names:
        row = last_line(args.work / f"ablation-{name}-curve.jsonl")
        print(f"{name:14} {row['step']:6} {row['crossEntropy']:14.4f} {row['align']:10.4f}")


if __name__ == "__main__":
    main()
