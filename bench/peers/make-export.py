"""An ONNX export of the embedded decoder as its users make them, for `npm run bench:peers -- decoder --export DIR`.

    pip install "optimum-onnx[onnxruntime]"
    python bench/peers/make-export.py DIR

The task text-generation-with-past: token ids, mask and positions in, the cache as inputs and outputs.
"""

import argparse
from pathlib import Path

from optimum.exporters.onnx import main_export

DECODER = Path(__file__).resolve().parents[2] / "models" / "llavacode-nano" / "decoder"

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("dir", type=Path, help="a folder that does not exist yet")
args = parser.parse_args()
if args.dir.exists():
    parser.error(f"{args.dir} exists already")

main_export(str(DECODER), output=str(args.dir), task="text-generation-with-past", dtype="fp32")
