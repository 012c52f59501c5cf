# Thin on purpose: it makes .venv and calls the project's own tools.
PYTHON ?= python3
VENV := .venv
NEWEST := .newest
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
ONCE ?=
REPO ?= .
AGENT ?=
ROUNDS ?= 200
KEEP ?=
ONLY ?=
QUICK ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo test newest check format dev torture bench reference lock clean

help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(INSTALLED) ## Make .venv and install the locked packages

$(INSTALLED): requirements/dev.txt pyproject.toml scripts/setup.py
	@$(PYTHON) scripts/setup.py $(VENV)

demo: $(INSTALLED) ## Run real analyses over a repository (REPO=path, AGENT=claude, ONCE=1 ends by itself)
	@$(BIN)/conselho demo --repo "$(REPO)" $(if $(ONCE),--once) $(if $(AGENT),--agent "$(AGENT)")

test: $(INSTALLED) ## Run every test, on SQLite and on PostgreSQL
	@$(BIN)/python scripts/test.py $(ARGS)

newest: ## Run the tests on the newest releases that pyproject.toml allows, not the locked ones
	@$(PYTHON) scripts/newest.py $(NEWEST) $(ARGS)

check: $(INSTALLED) ## Lint, formatting, types and floors
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(INSTALLED) ## Mend formatting and what the linter can mend
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

dev: $(INSTALLED) ## Serve from the checkout, again after each change
	@$(BIN)/watchfiles --filter python --sigint-timeout 20 "$(BIN)/conselho serve --data-dir .demo" src

torture: $(INSTALLED) ## Kill servers, workers and shims at random, then count (ROUNDS=200)
	@$(BIN)/python -m tests.acceptance.torture --rounds $(ROUNDS)

bench: $(INSTALLED) ## Measure against peers and limits (ONLY=b1, QUICK=1)
	@$(BIN)/python -m benchmarks $(if $(ONLY),--only $(ONLY)) $(if $(QUICK),--quick)

reference: $(INSTALLED) ## Write docs/reference again from the program
	@$(BIN)/python scripts/reference.py

lock: $(INSTALLED) ## Resolve the lock files again from pyproject.toml (KEEP=1: move no version that need not)
	@$(BIN)/uv pip compile -q $(if $(KEEP),,--upgrade) --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		pyproject.toml -o requirements/runtime.txt
	@$(BIN)/uv pip compile -q $(if $(KEEP),,--upgrade) --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--extra dev -c requirements/runtime.txt pyproject.toml -o requirements/dev.txt

clean: ## Remove environments, caches and the demo's data
	@rm -rf $(VENV) $(NEWEST) .demo .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
