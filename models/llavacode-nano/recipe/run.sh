#!/usr/bin/env bash
# All steps in order. Every step resumes from what it left in the work folder.
#   recipe/run.sh WORK [CONFIG] [OUT] [START]     START: a bundle to go on from (tokenizers included)
set -euo pipefail
here=$(realpath "$(dirname "$0")")
work=$(realpath -m "$1")
config=$(realpath "${2:-$here/config/cpu.json}")
out=$(realpath -m "${3:-$1/bundle}")
start=${4:+$(realpath "$4")}
cd "$here"
mkdir -p "$work"
minutes() { python -c "import json, sys; print(json.load(open(sys.argv[1]))['minutes'][sys.argv[2]])" "$config" "$1"; }
workers=$(python -c "import os, torch; print(1 if torch.cuda.is_available() else len(os.sched_getaffinity(0)))")
train() {
  local part=$1
  shift
  [ "$(minutes "$part")" = 0 ] ||
    torchrun --nproc-per-node "$workers" "train_$part.py" --work "$work" --config "$config" --minutes "$(minutes "$part")" "$@"
}

[ -e "$work/corpus.jsonl" ] || python corpus.py --work "$work"
keep=$([ "$(minutes projector)" != 0 ] || echo --keep-projector)
[ -z "$start" ] || python start.py --work "$work" --bundle "$start" $keep
[ -e "$work/tokenizers" ] || python tokenizer.py --work "$work" --config "$config"
for name in heldout train1 train2; do
  [ -e "$work/samples-$name.npz" ] || python samples.py --work "$work" --config "$config" --name "$name"
  [ -e "$work/copies-$name.npy" ] || python copies.py --work "$work" --name "$name"
done
init=${start:+$start/decoder/model.safetensors}
if grep -q '"graft"' "$config"; then
  init=$work/grafted.safetensors
  [ -e "$init" ] || python graft.py --work "$work" --config "$config" --bundle "$start"
fi
train decoder ${init:+--init "$init"}
train encoder
[ -e "$work/projector-start.pt" ] || ! grep -q '"start": "first layer"' "$config" || python start_projector.py --work "$work" --config "$config"
train projector
python export.py --work "$work" --config "$config" --out "$out"
python evaluate.py --work "$work" --config "$config" --count 500
