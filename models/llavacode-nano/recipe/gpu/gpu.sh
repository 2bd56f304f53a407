#!/usr/bin/env bash
# The whole training on a machine with a GPU, without network and without Node.
#   gpu/gpu.sh CORPUS.jsonl.xz WORK OUT
# Make CORPUS before, where npm is at hand, in the folder of the recipe:
#   python -m data.corpus --data W && python -m data.pack shrink W/corpus.jsonl --out CORPUS.jsonl.xz
# Run it again after an interruption: make.py skips what is done and goes on from the checkpoints in WORK. SECONDS_LIMIT
# (default 570) ends it in time for a limit of ten minutes a command; exit status 124 then means: run it again. OUT gets
# the bundle in parts (data.pack join puts them together), the curves and the rows of the evaluation.
set -euo pipefail
corpus=$(realpath "$1")
work=$(realpath -m "$2")
out=$(realpath -m "$3")
cd "$(dirname "$0")/.."
mkdir -p "$work" "$out"
# Before the first minute of training: what is missing is said now.
python -c "import numpy, safetensors, scipy, tokenizers, torch, transformers; torch.optim.Muon; print('torch', torch.__version__, torch.cuda.get_device_name() if torch.cuda.is_available() else 'CPU')"
status=0
timeout --signal TERM "${SECONDS_LIMIT:-570}" python make.py --plan gpu --corpus "$corpus" --work "$work" || status=$?
cp "$work"/*/*-curve.jsonl "$work"/held-out.jsonl "$work"/curves-*.svg "$out" 2>/dev/null || true
[ "$status" = 0 ] || exit "$status"
python -m data.pack split "$work/gpu/bundle" --out "$out/bundle"
