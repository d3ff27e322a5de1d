# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
SEED ?= 20261126
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO_STAMP := $(VENV)/.installed-demo
COMPILED := $(VENV)/.compiled

# The tests that drive the pure core: its own, and the workflows' on ports in memory and on the lab.
CORE_TESTS := tests/decide tests/properties tests/examples tests/model tests/run

# Without bytecode every process that a test starts would compile the package again.
unexport PYTHONDONTWRITEBYTECODE

# `make test FAST=1`: the package of the last change, the pages' tests where it was in none;
# `make test FAST="render decide"`: these.
FAST ?=
LAST = $(shell { git diff --name-only HEAD; git ls-files --others --exclude-standard; \
	git show --name-only --format= HEAD; } | sed -n 's,^\(migrator\|tests\)/\([a-z_]*\)/.*,\2,p' \
	| grep -vxE 'support|data' | head -1)
TESTS = $(addprefix tests/,$(if $(filter 1,$(FAST)),$(or $(LAST),docs),$(FAST)))

.DEFAULT_GOAL := help
.PHONY: help install demo test run-tests lint docs coverage test-long test-crash test-control-plane dist lock test-pythons test-lowest mutation bench clean

help:  ## what there is
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

install: $(STAMP)  ## install into .venv

# Not compiled: half of the time would go into files that nothing imports.
$(STAMP): pyproject.toml requirements/dev.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check --require-hashes --no-deps \
		--requirement requirements/dev.txt
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check --no-deps --no-build-isolation \
		--editable .
	$(BIN)/python -m pip check
	touch $@

$(DEMO_STAMP): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check --editable '.[lab]'
	touch $@

demo: $(DEMO_STAMP)  ## a whole migration on the embedded lab, with a report to look at
	$(BIN)/migrate lab demo

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/codespell
	$(BIN)/lint-imports
	$(BIN)/mypy

test: $(STAMP)  ## lint, types, all tests; FAST=render: the tests of one package, few examples
	+$(MAKE) --no-print-directory -j 2 $(if $(FAST),,lint) run-tests

# What tests and commands import: otherwise every worker of the first run compiles all of it. What is
# wrong with a test is said by the run.
$(COMPILED): $(STAMP)
	$(BIN)/python -m tests.support.forked_cli </dev/null & \
		$(BIN)/python -m pytest --collect-only >/dev/null; wait
	touch $@

run-tests: $(COMPILED)
	$(if $(FAST),HYPOTHESIS_PROFILE=quick) $(BIN)/python -m pytest -n 3 --dist worksteal --durations 25 \
		-m 'not crash and not long and not benchmark' $(TESTS)

coverage: $(STAMP)  ## every branch of the pure core, or it fails
	rm -f .coverage .coverage.*
	HYPOTHESIS_PROFILE=quick $(BIN)/python -m coverage run --source=migrator/decide -m pytest \
		-m 'not crash and not long and not benchmark' $(CORE_TESTS)
	$(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m coverage report --skip-covered --show-missing --fail-under=100

test-long: $(STAMP)  ## many examples: properties at 20,000 each
	HYPOTHESIS_PROFILE=long $(BIN)/python -m pytest -n 2 --dist worksteal --timeout 0 -m 'not benchmark and not crash' --hypothesis-seed=$(SEED)

test-crash: $(STAMP)  ## kill real processes at every effect
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m crash --timeout 3000

# Needs kube-apiserver, etcd and aws-iam-authenticator: it says which are missing and how to get them.
test-control-plane: $(STAMP)  ## the lab against a real API server and authenticator (KUBEBUILDER_ASSETS)
	@$(BIN)/python -m tests.support.control_plane.binaries
	$(BIN)/python -m pytest -n 0 --timeout 900 --durations 10 tests/control_plane

# Resolved from pyproject.toml for every Python and platform; UPGRADE=1 takes the newest of all.
UPGRADE ?=
lock: $(STAMP)  ## write requirements/dev.txt again: versions and hashes of all that `make install` installs
	$(BIN)/uv pip compile --quiet --universal --python-version 3.10 --all-extras --generate-hashes \
		--custom-compile-command 'make lock' $(if $(UPGRADE),--upgrade) \
		--output-file requirements/dev.txt pyproject.toml

test-lowest: $(STAMP)  ## the same with the lowest versions that pyproject.toml allows, on the oldest Python
	$(BIN)/python -m tests.support.every_python --lowest

test-pythons: $(STAMP)  ## the package and README.md's ways in on each Python; ENDS=1: on two of them
	$(BIN)/python -m tests.support.every_python $(if $(ENDS),--ends)

# The same commit gives the same bytes, wherever and whenever it is built.
dist: $(STAMP)  ## wheel and sdist in dist/, checked, with bill of materials and licences
	rm -rf dist
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(BIN)/python -m hatchling build -d dist
	$(BIN)/twine check --strict dist/*
	$(BIN)/python -m tests.support.bill_of_materials dist

docs: $(STAMP)  ## the documentation as a site in site/; a link or an anchor that leads nowhere fails
	@$(BIN)/python -m tests.support.site site

mutation: $(STAMP)  ## how many wrong versions of the deciding functions the tests notice
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'mutmut>=3.8'
	HYPOTHESIS_PROFILE=quick $(BIN)/mutmut run --max-children 2

bench: $(STAMP)  ## ratios to the ideal: three runs, compared with the table of playbooks/reference/performance.md
	$(BIN)/python -m tests.support.benchmark_table

clean:
	rm -rf $(VENV) .venv-pythons dist site .migrate demo mutants .mypy_cache .ruff_cache .pytest_cache
