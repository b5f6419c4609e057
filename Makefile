# The two commands that matter: make demo, make test. Everything happens inside .venv.
.DEFAULT_GOAL := help
.PHONY: help demo test lint bench docs clean

PYTHON ?= python3
TORCH := torch==2.13.0
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
OUT ?= out/demo

help:  ## list what can be made
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F '\t' '{printf "  make %-8s %s\n", $$1, $$2}'

# Torch comes first and alone, so that the resolver never trades its version for another package's wish.
.venv/.demo-ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "bezant needs Python 3.11 or newer: make PYTHON=python3.11 ..." >&2; exit 2; }
	@echo "Setting up .venv (once; a few minutes) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) $(TORCH)
	$(PIP) -e .
	@touch $@

.venv/.test-ready: .venv/.demo-ready
	$(PIP) -e '.[dev]'
	@touch $@

demo: .venv/.demo-ready  ## train on real loans, judge out-of-time, write a report (a few minutes)
	$(BIN)/bezant demo --out $(OUT)

test: lint  ## lint, types, and all tests with their coverage
	$(BIN)/python -m pytest -n 2 --dist loadfile --cov --cov-report=term:skip-covered

lint: .venv/.test-ready  ## style and types only
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict

bench: .venv/.test-ready  ## accuracy on real credit data (fetched once) beside LightGBM and CatBoost; hours
	$(BIN)/bezant benchmark credit --others
	$(BIN)/bezant benchmark throughput

docs: .venv/.test-ready  ## write docs/command-line.md from the commands' help, the README's figures from docs/demo.json
	$(BIN)/python -m bezant.cli.reference docs/command-line.md
	$(BIN)/python -m bezant.cli.readme README.md docs/demo.json

clean:  ## remove what was made, .venv included
	rm -rf .venv build dist out .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage htmlcov
