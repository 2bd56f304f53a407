"""Puts the weights of a bundle into a work folder, for training that goes on from them.

The encoder and its projector become ``<work>/encoder.pt``; ``train_decoder.py --init`` reads the decoder's file
itself.  The tokenizers become ``<data>/tokenizers``; where these exist already they must be the same, since the
samples were made with them.  Nothing that exists is replaced.
A configuration with 0 minutes for the encoder then keeps it as it is; ``--keep-projector`` also puts the
projector where training would leave it, for a configuration with 0 minutes for that.

Usage: python -m training.start --data DIR --work DIR --bundle FOLDER [--keep-projector]
"""

import argparse
import shutil
from pathlib import Path

import torch

from training.model import weights

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--keep-projector", action="store_true")
    args = parser.parse_args()
    for part in ("decoder", "encoder"):
        folder = args.data / "tokenizers" / part
        folder.mkdir(parents=True, exist_ok=True)
        for file in TOKENIZER_FILES:
            ours, theirs = folder / file, args.bundle / part / file
            if not ours.exists():
                shutil.copyfile(theirs, ours)
            elif ours.read_bytes() != theirs.read_bytes():
                raise SystemExit(f"{ours}: differs from {theirs}; make the data in another folder, from this bundle's tokenizers")
    if not (args.work / "encoder.pt").exists():
        encoder, projector = (args.bundle / f for f in ("encoder/model.safetensors", "projector.safetensors"))
        torch.save({"model": weights(encoder), "projector": weights(projector)}, args.work / "encoder.pt")
    if args.keep_projector and not (args.work / "projector.pt").exists():
        torch.save({"model": weights(args.bundle / "projector.safetensors")}, args.work / "projector.pt")


if __name__ == "__main__":
    main()
