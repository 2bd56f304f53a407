"""Averages the decoder of a bundle with the one that training went on to: w = a + share (b - a).

A short continuation with a high learning rate leaves the decoder a worse language model than it was, although
it copies better; on the way between both it is better than either.

Usage: python -m training.mix --work DIR --bundle FOLDER --share 0.5
Writes ``<work>/decoder-mixed.pt``, for ``export.py --decoder``.
"""

import argparse
from pathlib import Path

import torch

from training.model import weights


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--share", type=float, required=True, help="of the trained weights")
    args = parser.parse_args()
    before = weights(args.bundle / "decoder/model.safetensors")
    after = torch.load(args.work / "decoder.pt", map_location="cpu")["model"]
    mixed = {name: before[name] + args.share * (after[name].float() - before[name]) for name in before}
    torch.save({"model": mixed}, args.work / "decoder-mixed.pt")


if __name__ == "__main__":
    main()
