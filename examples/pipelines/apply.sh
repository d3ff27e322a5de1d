#!/bin/sh
# Carry the reviewed plan.json out. A cluster that changed since the plan is refused with exit code 5.
set -eu
migrate verify plan.json --baseline --decisions decisions.yaml
migrate apply plan.json --yes --decisions decisions.yaml
migrate verify plan.json --decisions decisions.yaml --junit junit.xml
