#!/bin/sh
# What changed in the access of a cluster, or of a fleet where CLUSTER is empty, as drift.md. Exit codes are those of
# `migrate drift` and `migrate fleet drift`: 2 where anything changed, 1 or 8 where something is unknown.
set -eu
code=0
if [ -n "${CLUSTER:-}" ]; then
  migrate drift "$CLUSTER" --detailed-exitcode --output markdown > drift.md || code=$?
else
  migrate fleet drift --detailed-exitcode --output markdown > drift.md || code=$?
fi
exit "$code"
