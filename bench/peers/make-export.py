"""An ONNX export of the embedded decoder as its users make them, for `npm run bench:peers -- decoder --export DIR`.

    pip install "optimum-onnx[onnxruntime]"
    python bench/peers/make-export.py DIR

The task text-generation-with-past: token ids, mask and positions in, the cache as inputs and outputs.
"""

import sys
from pathlib import Path

from optimum.exporters.onnx import main_export

DECODER = Path(__file__).resolve().parents[2] / "models" / "llavacode-nano" / "decoder"

main_export(str(DECODER), output=sys.argv[1], task="text-generation-with-past", dtype="fp32")
