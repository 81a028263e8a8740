# Customers Activity. `make run` starts it, `make test` checks it, `make help` lists the rest.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help setup run test test-setup tools lint faults soak bench bench-peers lock clean

# The newest Python from 3.11 on, unless PYTHON names another.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3 python3.14; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
# The tests start hundreds of Pythons: each would compile the program anew where its bytecode is not kept.
unexport PYTHONDONTWRITEBYTECODE
# To compile all that is installed takes two fifths of the time; what is used is compiled when it is imported.
# The locks are complete, so nothing is resolved, and two can be installed at once.
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --no-compile

help: ## list what make can do here
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

setup: .venv/.installed ## create .venv with the locked dependencies

run: setup ## start scheduler and dashboard, with demo data if there is none
	@exec $(BIN)/python -m pipeline start

test: ## run ruff, mypy --strict and all tests
	@$(MAKE) --no-print-directory -j2 test-setup
	@$(MAKE) --no-print-directory -j2 lint tools
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test-setup: .venv/.installed .venv/.installed-test

tools: test-setup # what tests need beside packages
	@$(BIN)/python -m tests.browser.find
	@$(BIN)/python -m tests.browser.access.proxies
	@$(BIN)/python -m tests.contract.clients.install

lint: test-setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

faults: test-setup ## try every fault at 20 points each (hours; make test tries most at one)
	@FAULT_POINTS=20 $(BIN)/python -m pytest tests/faults

soak: test-setup ## send 200 events/s for an hour while parts are killed, and print what was lost
	@$(BIN)/python -m tests.faults.soak

bench: test-setup ## measure on 20 million events, into tests/bench/RESULTS.md (an hour; not part of make test)
	@$(BIN)/python -m tests.browser.find
	@$(BIN)/python -m tests.bench
	@$(BIN)/python -m tests.bench --events 2_000_000 --only lists --only flat

bench-peers: test-setup ## ask the same of ClickHouse and a native DuckDB file, side by side
	@$(BIN)/python -m tests.bench --only peers

# Anyone who changes pyproject.toml needs this; nobody else does.
lock: ## resolve the dependencies again, with hashes and without any index's name
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
		--no-annotate --no-header pyproject.toml -o requirements.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
		--no-annotate --no-header --extra test --constraints requirements.lock pyproject.toml \
		| python3 tests/beyond.py requirements.lock >requirements-test.lock

clean: ## remove .venv and caches (never data/)
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis

.venv/.made:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed. On Debian: apt-get install python3 python3-venv"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) lacks venv. On Debian and Ubuntu: apt-get install $$(basename $(PYTHON))-venv"; exit 1; }
	@echo "Creating .venv with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv .venv && touch $@

.venv/.installed: requirements.lock .venv/.made
	@echo "Installing the locked dependencies (about a minute)"
	@$(PIP) -r requirements.lock
	@$(BIN)/python -m pipeline --help >/dev/null && $(BIN)/python -c 'import streamlit.web.bootstrap, plotly.graph_objects'
	@touch $@

.venv/.installed-test: requirements-test.lock .venv/.made
	@echo "Installing what the tests need"
	@$(PIP) -r requirements-test.lock && touch $@
