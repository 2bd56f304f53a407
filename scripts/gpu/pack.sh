#!/usr/bin/env bash
# Everything that `llava-eval run --latency-only` needs on a Linux x64 machine without Node.js and without a network, in
# one file: the built program, its packages, the runtime for this platform, the node binary, the shapes as JSON and the
# scripts beside this one.
#
#     npm run build && scripts/gpu/pack.sh latency.tar.xz
#     (there) tar xf latency.tar.xz && llava-eval-latency/latency.sh out
#
# CUDA: set CUDA_PROVIDER_DIR to a folder with libonnxruntime_providers_{cuda,shared}.so of the same version to take them
# along; they do not fit into 64 MB.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
out=$(realpath -m "${1:?usage: pack.sh FILE.tar.xz}")
limit_mb=${LIMIT_MB:-64}
node=${NODE_BINARY:-$(readlink -f "$(command -v node)")}
[ -d "$root/dist" ] || { echo "build first: npm run build" >&2; exit 3; }
case "$(uname -sm)" in "Linux x86_64") ;; *) echo "pack on Linux x64: the node binary and the runtime are taken from here" >&2; exit 3 ;; esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
to="$work/llava-eval-latency"
mkdir -p "$to/program/node_modules" "$to/bin"
cp "$node" "$to/bin/node"
cp "$here/latency.sh" "$here/torch_latency.py" "$here/table.py" "$to/"
cp -r "$root/bin" "$root/dist" "$root/package.json" "$to/program/"
mkdir -p "$to/program/models"
cp -r "$root/models/llavacode-nano" "$to/program/models/"
rm -rf "$to/program/models/llavacode-nano/recipe"

# The packages of a run, without those of development; of the runtime only this platform's files.
(cd "$root" && npm ls --omit=dev --all --parseable 2>/dev/null | tail -n +2 | sort -u) | while read -r package; do
  name=${package#"$root/node_modules/"}
  mkdir -p "$to/program/node_modules/$(dirname "$name")"
  cp -rL "$package" "$to/program/node_modules/$(dirname "$name")/"
done
runtime="$to/program/node_modules/onnxruntime-node/bin"
find "$runtime" -mindepth 2 -maxdepth 2 -type d ! -name linux -exec rm -rf {} +
find "$runtime" -mindepth 3 -maxdepth 3 -type d ! -name x64 -exec rm -rf {} +
find "$to/program/node_modules" \( -name '*.map' -o -name '*.md' -o -name '*.d.ts' -o -name '*.d.cts' -o -name '*.d.mts' \) -delete
[ -z "${CUDA_PROVIDER_DIR:-}" ] || cp "$CUDA_PROVIDER_DIR"/libonnxruntime_providers_{cuda,shared}.so "$(dirname "$(find "$runtime" -name 'libonnxruntime.so*' | head -1)")/"

# The shapes have one home, in the program; the Python script reads them from here.
"$node" --input-type=module -e "
  const { SYNTHETIC_SHAPES } = await import('$root/dist/model/synthetic.js');
  process.stdout.write(JSON.stringify(SYNTHETIC_SHAPES, null, 2));" > "$to/shapes.json"

"$to/bin/node" "$to/program/bin/llava-eval.js" --version > /dev/null
tar -C "$work" -cf - llava-eval-latency | xz -T0 -6 > "$out"
size=$(stat -c %s "$out")
echo "$out: $((size / 1000000)) MB"
[ "$size" -le $((limit_mb * 1024 * 1024)) ] || { echo "more than $limit_mb MiB: it will not travel in one piece" >&2; exit 3; }
