#!/bin/sh
# The plan of one cluster for review: plan.json, plan.md, and the findings at the rows of the manifest.
# CLUSTER: name or ARN. Exit codes are those of `migrate plan`: 3 where a person must decide first.
set -eu
here=$(dirname "$0")
code=0
migrate plan "$CLUSTER" --decisions decisions.yaml --out plan.json --output markdown > plan.md || code=$?
if [ -f plan.json ]; then
  migrate show plan.json --security-note --output markdown > soc.md || [ "$?" -eq 3 ]
  # Without annotations the plan is the same.
  python3 "$here/annotations.py" plan.json aws-auth.yaml || true
fi
exit "$code"
