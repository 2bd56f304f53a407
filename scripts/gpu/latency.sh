#!/usr/bin/env bash
# The paper's prompt lengths on this machine's GPU, engine beside engine; unpacked from what `pack.sh` made.
#
#     latency.sh OUT
#
# Per shape, smallest first: PyTorch transformers (SDPA), then llava-eval on WebGPU, then llava-eval on CUDA where its
# provider library was brought. Each combination leaves its own result in OUT when it is done and is skipped when it is
# there, so that a command that runs into its limit loses one combination at most, and the next command goes on.
# A short table of all that is there comes last, whatever went wrong before.
#
#   SHAPES      default: qwen2.5-coder-0.5b qwen2.5-coder-1.5b qwen2.5-coder-7b
#   ENGINES     default: torch webgpu cuda
#   LENGTHS     default: 2500/2010,2000/1510,1500/1010
#   DTYPE       default: fp16
#   ROUNDS      default: 15        TOKENS  default: 50 (of a line)
#   BUDGET_S    default: 540; no combination is started after so many seconds, and one is cut off 30 s later
#   PYTHON      default: python3
#   CACHE       where built graphs lie (TMPDIR of the program); default: OUT/../graphs
#   VK_DRIVER_FILES  the Vulkan driver; found in the usual places if it is not set
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=$(realpath -m "${1:?usage: latency.sh OUT}")
mkdir -p "$out"
shapes=${SHAPES:-qwen2.5-coder-0.5b qwen2.5-coder-1.5b qwen2.5-coder-7b}
engines=${ENGINES:-torch webgpu cuda}
lengths=${LENGTHS:-2500/2010,2000/1510,1500/1010}
dtype=${DTYPE:-fp16}
rounds=${ROUNDS:-15}
tokens=${TOKENS:-50}
budget=${BUDGET_S:-540}
python=${PYTHON:-python3}
node="$here/bin/node"
export TMPDIR=${CACHE:-$(dirname "$out")/graphs}
mkdir -p "$TMPDIR"
if [ -z "${VK_DRIVER_FILES:-}" ]; then
  for icd in /usr/share/vulkan/icd.d/nvidia_icd*.json /etc/vulkan/icd.d/nvidia_icd*.json /usr/local/*/share/vulkan/icd.d/nvidia_icd*.json; do
    [ -f "$icd" ] && export VK_DRIVER_FILES=$icd && break
  done
fi

run() { # engine shape: leaves $out/<engine>-<shape>-<dtype> or nothing
  local engine=$1 shape=$2 target="$out/$1-$2-$dtype" work="$out/.unfinished"
  local left=$((budget + 30 - SECONDS))
  rm -rf "$work"
  case $engine in
    torch)
      timeout "$left" "$python" "$here/torch_latency.py" --shapes "$here/shapes.json" --shape "$shape" \
        --lengths "$lengths" --dtype "$dtype" --rounds "$rounds" --tokens "$tokens" --out "$work" ;;
    webgpu | cuda | cpu)
      timeout "$left" "$node" "$here/program/bin/llava-eval.js" run --latency-only --decoder "synthetic:$shape" \
        --device "$engine" --require-device --dtype "$dtype" --prompt-lengths "$lengths" --ttft-repeats "$rounds" \
        --max-new-tokens "$tokens" --seed 0 --quiet --out "$work" > "$out/$engine-$shape-$dtype.log" 2>&1 ;;
    *) echo "no such engine: $engine" >&2; return 2 ;;
  esac || { echo "-- $engine $shape failed or was cut off (exit code $?)"; tail -4 "$out/$engine-$shape-$dtype.log" 2>/dev/null; return 1; }
  mv "$work" "$target"
}

for shape in $shapes; do
  for engine in $engines; do
    [ -d "$out/$engine-$shape-$dtype" ] && continue
    if [ "$engine" = cuda ] && [ -z "$(find "$here/program" -name 'libonnxruntime_providers_cuda.so')" ]; then
      echo "-- cuda $shape: its provider library was not brought"
      continue
    fi
    [ "$SECONDS" -lt "$budget" ] || { echo "-- $engine $shape: left for the next command"; continue; }
    echo "-- $engine $shape (at $SECONDS s)"
    run "$engine" "$shape"
  done
done
echo
"$python" "$here/table.py" "$out"
