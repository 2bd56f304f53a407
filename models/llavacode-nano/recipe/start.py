"""Puts the weights of a bundle into a work folder, for training that goes on from them.

The encoder and its projector become ``<work>/encoder.pt``, the tokenizers ``<work>/tokenizers``;
``train_decoder.py --init`` reads the decoder's file itself.  Nothing that exists is replaced.
A configuration with 0 minutes for the encoder then keeps it as it is; ``--keep-projector`` also puts the
projector where training would leave it, for a configuration with 0 minutes for that.

Usage: python start.py --work DIR --bundle FOLDER [--keep-projector]
"""

import argparse
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")


def weights(path):
    return {name: value.float() for name, value in load_file(path).items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--keep-projector", action="store_true")
    args = parser.parse_args()
    for part in ("decoder", "encoder"):
        folder = args.work / "tokenizers" / part
        if not folder.exists():
            folder.mkdir(parents=True)
            for file in TOKENIZER_FILES:
                shutil.copyfile(args.bundle / part / file, folder / file)
    if not (args.work / "encoder.pt").exists():
        encoder, projector = (args.bundle / f for f in ("encoder/model.safetensors", "projector.safetensors"))
        torch.save({"model": weights(encoder), "projector": weights(projector)}, args.work / "encoder.pt")
    if args.keep_projector and not (args.work / "projector.pt").exists():
        torch.save({"model": weights(args.bundle / "projector.safetensors")}, args.work / "projector.pt")


if __name__ == "__main__":
    main()
