#!/usr/bin/env bash
# The Slurm array of deploy/ for real: eight shards of a small run, some of them requeued at random while they work and
# one cancelled for good, then merged and compared with the same run in one piece.
#
#   npm run build && scripts/slurm-array.sh                 in a new temporary folder
#   scripts/slurm-array.sh FOLDER                           a folder that all nodes share, on a cluster of several
#   KILLS=12 SEED=7 scripts/slurm-array.sh FOLDER           how often a task is requeued; which ones
#
# Needs a working sbatch, squeue, scontrol and scancel. It takes some minutes on two cores, because it answers about 45
# holes twice with the embedded model. It ends with 0 only if
#   - merge refuses while the cancelled shard is unfinished, and the command that merge prints finishes it,
#   - the merged run has the same records, tasks and summary as the run in one piece, apart from times.
# Not part of the test suite.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"

work=$(realpath -m "${1:-$(mktemp -d)}")
kills=${KILLS:-6}
seed=${SEED:-1}
RANDOM=$seed
mkdir -p "$work/bin" "$work/logs"

# The program by its name, for the array and for the commands that merge prints.
printf '#!/bin/sh\nexec node "%s/bin/llava-eval.js" "$@"\n' "$root" > "$work/bin/llava-eval"
chmod +x "$work/bin/llava-eval"
export PATH="$work/bin:$PATH" LLAVA_EVAL_CACHE="$work/cache"

# Holes in the repositories of the dataset `tiny`; short prompts and answers; several timings make a task last longer.
setting=(--dataset datasets/tiny/repos --limit all --device cpu --pipelines 'no-context,full-rag,compressed'
  --retrievers 'jaccard,bm25' --top-k 5 --max-prompt-tokens 300 --context-tokens 300 --max-new-tokens 4
  --ttft-repeats 4)

job=$(sbatch --parsable --array=1-8 --cpus-per-task=1 --mem=1G --time=01:00:00 --output="$work/logs/%a.log" \
  deploy/slurm/array.sbatch "${setting[@]}" --out "$work/array")
echo "submitted array $job to $work; $kills requeues to come, seed $seed"

records() { # of shard $1, without the header of the journal
  local journal="$work/array/shard-$1-of-8/journal.jsonl"
  if [ -f "$journal" ]; then echo $(($(wc -l < "$journal") - 1)); else echo 0; fi
}

# The first requeue hits any running task, perhaps one that has only just started; later ones hit tasks that have
# answered something, and so does the one task that is cancelled.
cancelled='' any=yes
while squeue -h -j "$job" 2> "$work/squeue.err" | grep -q .; do
  sleep $((1 + RANDOM % 3))
  # Slurm lets a requeued task wait for two minutes; a test need not.
  squeue -h -r -j "$job" -t PENDING -o '%K %r' | sed -n 's/ BeginTime$//p' | while read -r task; do
    scontrol update "JobId=${job}_$task" StartTime=now
  done
  mapfile -t running < <(squeue -h -r -j "$job" -t RUNNING -o %K)
  [ "${#running[@]}" -gt 0 ] || continue
  task=${running[RANDOM % ${#running[@]}]}
  [ -n "$any" ] || [ "$(records "$task")" -gt 0 ] || continue
  if [ "$kills" -gt 0 ]; then
    echo "requeue ${job}_$task after $(records "$task") records"
    # A task that has ended in the meantime cannot be requeued; another one will be.
    scontrol requeue "${job}_$task" && any='' kills=$((kills - 1))
  elif [ -z "$cancelled" ]; then
    echo "cancel ${job}_$task after $(records "$task") records"
    scancel "${job}_$task"
    cancelled=$task
  fi
done
for task in 1 2 3 4 5 6 7 8; do
  echo "shard $task: $(records "$task") records; its log: $(grep -c . "$work/logs/$task.log" || true) lines"
done

if [ -n "$cancelled" ]; then
  if llava-eval merge "$work"/array/shard-*-of-8 --out "$work/merged" 2> "$work/refusal"; then
    echo "merge accepted the run although shard $cancelled was cancelled"
    exit 1
  fi
  cat "$work/refusal"
  grep -q "shard $cancelled/8" "$work/refusal"
  sed -n 's/^ *\(finish\|make\) it: //p' "$work/refusal" > "$work/mend.sh"
  bash -eu "$work/mend.sh" > "$work/mend.log"
fi

llava-eval merge "$work"/array/shard-*-of-8 --out "$work/merged" > "$work/merged.txt"
llava-eval run "${setting[@]}" --threads 1 --out "$work/whole" --quiet > "$work/whole.txt"
npx tsx scripts/same-records.ts "$work/whole" "$work/merged"
npx tsx scripts/same-summary.ts "$work/whole" "$work/merged"
