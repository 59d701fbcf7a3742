# The two commands of the README are `make run` and `make test`; both set everything up first.
.DEFAULT_GOAL := help
.PHONY: help setup run test test-slow test-engines check format bench docs lock clean

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3
STAMP := $(VENV)/.ready
# Hundreds of processes of the tests would each compile every module anew.
unexport PYTHONDONTWRITEBYTECODE

help: ## List the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: $(STAMP) ## Make the virtual environment with locked dependencies

$(STAMP): requirements.lock pyproject.toml scripts/setup
	@PYTHON=$(PYTHON) scripts/setup $(VENV)
	@touch $@

run: $(STAMP) ## Start the platform, put a sample of each kind through it, keep serving
	@$(BIN)/mediakiln demo

test: $(STAMP) ## All tests that need nothing but Python (at most 10 minutes on 2 cores)
	@PYTHON=$(BIN)/python scripts/test

test-slow: $(STAMP) ## The tests that take minutes each: kills, made-up requests, recipes of CONTRIBUTING
	@PYTHON=$(BIN)/python scripts/test -m "slow and not engines"

test-engines: $(STAMP) ## Contracts and the whole pipeline on real servers, which it starts and stops
	@PATH="$(CURDIR)/$(BIN):$$PATH" scripts/test-engines

check: $(STAMP) ## Lint, types, architecture, docs drift
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python scripts/reference --check

format: $(STAMP) ## Format the code and write the generated reference
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .
	@$(BIN)/python scripts/reference

bench: $(STAMP) ## Measure, print the tables and write benchmarks/results/*.json
	@$(BIN)/python benchmarks/run.py

docs: $(STAMP) ## Build the documentation into site/
	@$(BIN)/python -m mkdocs build --strict

lock: $(STAMP) ## Resolve the dependencies anew into requirements.lock
	@scripts/lock

clean: ## Remove what was built; data folders are kept
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache site dist build
