# Every target sets up what it needs: a virtual environment and, when root, Debian packages.
SHELL := /bin/bash
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.locked
ONCE ?=
PORT ?= 8080

help: ## Show the targets.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(STAMP): requirements/dev.lock pyproject.toml .ci/setup
	@.ci/setup $(VENV)
	@touch $@

setup: $(STAMP) ## Install what everything else needs.

demo: export KEXIA_DEMO_BEGAN := $(shell date +%s)
demo: setup ## Publish the sample library, sync a box from it, serve it (ONCE=1: check and stop).
	@$(BIN)/kexia demo $(if $(ONCE),--once,) --port $(PORT)

check: setup ## Lint, types, import contracts, unit tests (under 90 seconds).
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	KEXIA_TESTS=quick $(BIN)/pytest -q -n 2 -m "not slow and not e2e and not thorough and not image"

test: setup ## Everything a change must pass.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -n 2 -m "not slow and not image and not guest" --cov --cov-report=term
	$(BIN)/pytest -m guest

test-full: setup ## The long runs too: crashes, conformance, sticks in a virtual machine.
	@.ci/setup $(VENV) full
	$(BIN)/pytest -m "not image and not guest" -n 2
	$(BIN)/pytest -m "image or guest"

bench: setup ## Measure beside the peers.
	$(BIN)/python -m tests.bench
	$(BIN)/python -m tests.bench.stick_import

bench-delta: setup ## Measure updates beside the peers, byte for byte (SERIES=folder with v1/ v2/ …).
	@.ci/setup $(VENV) bench
	$(BIN)/python -m tests.bench.delta $(if $(SERIES),--series $(SERIES) --no-editions-31,)

bench-system: setup ## Measure a Debian point update as a system update, beside the peers (as root).
	@.ci/setup $(VENV) full
	@.ci/setup $(VENV) bench
	$(BIN)/python -m tests.bench.system_update

lock: ## Renew the lock files.
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header -U pyproject.toml -o requirements/runtime.lock
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header -U pyproject.toml --group dev -o requirements/dev.lock

.PHONY: help setup demo check test test-full bench bench-delta bench-system lock
