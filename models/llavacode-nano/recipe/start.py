"""Puts the weights of a bundle into a work folder, for training that goes on from them.

The encoder and its projector become ``<work>/encoder.pt``, the tokenizers ``<work>/tokenizers``;
``train_decoder.py --init`` reads the decoder's file itself.  Nothing that exists is replaced.
A configuration with 0 minutes for the encoder then keeps it as it is.

Usage: python start.py --work DIR --bundle FOLDER
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


if __name__ == "__main__":
    main()
