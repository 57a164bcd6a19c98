# Each target does its own set-up on a machine that has only Python 3.11+, git and make.
.PHONY: help run test check lint bench proof lock clean

PY := .venv/bin/python

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-7s %s\n", $$1, $$2}' Makefile

run: ## start everything and print the address of the demo page
	@.ci/prepare run
	@exec .venv/bin/deskhand run

test: ## the whole suite, on SQLite and PostgreSQL, with a real Chromium
	@.ci/prepare test
	@.ci/system
	@.ci/test

check: lint ## lint, and architecture, documentation and fast tests: a minute
	@$(PY) -m pytest -q -m "not browser and not chaos and not product and not slow"

lint: ## format, lint and types: seconds
	@.ci/prepare test
	@$(PY) -m ruff format --check . >/dev/null || { echo "Some files are not formatted: run .venv/bin/ruff format ."; exit 1; }
	@$(PY) -m ruff check --quiet .
	@$(PY) -m mypy --no-error-summary

bench: ## measure, and print one table and the machine
	@.ci/prepare test
	@$(PY) -m tests.bench

proof: ## kill everything at full size, and measure the answers: docs/proof.md
	@.ci/prepare test
	@.ci/system
	@$(PY) -m tests.chaos --full
	@$(PY) -m tests.bench --proof

lock: ## resolve pyproject.toml into requirements.lock and .ci/test.lock
	@.ci/prepare run
	@.ci/lock

clean: ## remove what was made here, but for var/ (your data)
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis dist build
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
