#!/usr/bin/env bash
# The whole training on a machine with a GPU, without network and without Node.
#   recipe/gpu.sh CORPUS.jsonl.xz WORK OUT [CONFIG]
# Make CORPUS before, where npm is at hand:  python corpus.py --work W && python pack.py shrink W/corpus.jsonl --out CORPUS.jsonl.xz
# Run it again after an interruption: every step goes on from its checkpoint in WORK. SECONDS_LIMIT (default 570) ends it
# in time for a limit of ten minutes a command; exit status 124 then means: run it again. OUT gets the bundle in parts
# (join them with pack.py), curves and measures.
set -euo pipefail
here=$(realpath "$(dirname "$0")")
corpus=$(realpath "$1")
work=$(realpath -m "$2")
out=$(realpath -m "$3")
config=$(realpath "${4:-$here/config/gpu.json}")
mkdir -p "$work" "$out"
# Before the first minute of training: what is missing is said now.
python -c "import numpy, safetensors, scipy, tokenizers, torch, transformers; torch.optim.Muon; print('torch', torch.__version__, torch.cuda.get_device_name() if torch.cuda.is_available() else 'CPU')"
[ -e "$work/corpus.jsonl" ] || python "$here/pack.py" grow "$corpus" --out "$work/corpus.jsonl"
status=0
timeout --signal TERM "${SECONDS_LIMIT:-570}" "$here/run.sh" "$work" "$config" "$work/bundle" || status=$?
cp "$work"/*-curve.jsonl "$work"/evaluation.json "$out" 2>/dev/null || true
[ "$status" = 0 ] || exit "$status"
python "$here/curves.py" --work "$work" --out "$out/curves.svg"
python "$here/pack.py" split "$work/bundle" --out "$out/bundle"
