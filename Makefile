# Odori's everyday words; `make help` lists them.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
.PHONY: help venv up test check static bench bench-engine bench-real flow golden lock dist images clean

# The first Python that is new enough, unless PYTHON=... names one.
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c '$(NEW_ENOUGH)' 2>/dev/null && { echo $$p; break; }; done)

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
RUNTIME := .venv/.runtime
DEV := .venv/.dev
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --group build

help: ## this list
	@awk -F ':.*## ' '/^[a-zA-Z0-9_-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv: $(DEV) ## .venv with everything: Odori, its tests and its checks

up: $(RUNTIME) ## start everything in one process; Ctrl-C ends it (ARGS="--port 3001")
	@exec $(BIN)/odori up $(ARGS)

test: $(DEV) ## every test, suite by suite
	@$(BIN)/python tests/run.py

test-SUITE: ## one suite, by its folder's name under tests/
	@echo "Name a suite: make test-domains, for one. Suites: $$(cd tests && ls */test_*.py */*/test_*.py | cut -d/ -f1 | sort -u | xargs)"
test-%: $(DEV)
	@$(BIN)/python tests/run.py $*

check: static ## lint, format, types, import contracts, and the tests that need no service
	@$(BIN)/python tests/run.py --no-service

static: $(DEV)
	@bad=0; \
	$(BIN)/ruff check --quiet . || bad=1; \
	$(BIN)/ruff format --check --quiet . || { echo "mend with: $(BIN)/ruff format ." >&2; bad=1; }; \
	$(BIN)/mypy --no-error-summary || bad=1; \
	$(BIN)/lint-imports --cache-dir .venv/.import_linter || bad=1; \
	exit $$bad

bench: $(DEV) ## the system and its floor, measured side by side
	@$(BIN)/python -m tests.bench $(ARGS)

bench-engine: $(DEV) ## the engine beside Java's and beside plain SQL, in turn on one PostgreSQL
	@$(BIN)/python -m tests.bench.engines $(ARGS)

bench-real: $(DEV) ## the choreography on real Kafka and PostgreSQL, beside pgbench and Java
	@$(BIN)/python -m tests.bench.real $(ARGS)

flow: $(RUNTIME) ## the flow graph, read from the code
	@$(BIN)/odori flow $(ARGS)

golden: $(DEV) ## write down message contracts, README's picture and the engine's keys, and show what changed
	@$(BIN)/python -m tests.contracts.golden
	@$(BIN)/python -m tests.docs.readme
	@$(BIN)/python -m tests.docs.engine_configuration

lock: $(DEV) ## pin the newest versions that fit, with hashes
	@$(COMPILE) --upgrade --output-file requirements-dev.lock --extra dev pyproject.toml
	@$(COMPILE) --upgrade --output-file requirements.lock -c requirements-dev.lock \
	  --extra postgres pyproject.toml

dist: $(DEV) ## wheel and source archive in dist/
	@$(BIN)/python -m build --no-isolation --outdir dist .

images: $(DEV) ## what docker-compose.yml runs: official images or stand-ins, and ours (needs Docker)
	@PYTHON=$(BIN)/python infra/images/build.sh

clean: ## remove the environment, caches and built files; data stays
	@rm -rf .venv dist .mypy_cache .ruff_cache .pytest_cache

# --- the environment: two stamps, so that a second run costs nothing ---
$(RUNTIME): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" && $(PYTHON) -c '$(NEW_ENOUGH)' || { \
	  echo "Odori needs Python 3.11 or newer: install one, or name it: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) cannot make environments: install its venv module (Debian: apt-get install python3-venv)" >&2; exit 1; }
	@test -x $(BIN)/pip || { \
	  echo "Making .venv (once; half a minute, more on a slow line)" >&2; $(PYTHON) -m venv --clear .venv; }
	@echo "  what Odori needs, from PyPI, as requirements.lock has it ..." >&2
	@$(PIP) install --require-hashes -r requirements.lock
	@echo "  Odori itself ..." >&2
	@$(PIP) install --no-index --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV): requirements-dev.lock $(RUNTIME)
	@echo "  what tests and checks need, as requirements-dev.lock has it (half a minute more) ..." >&2
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@
