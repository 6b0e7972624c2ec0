# Every target works in a fresh clone; each sets up what it needs. `make` alone lists them.
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
BROWSER := $(VENV)/.browser
PYTHON ?= python3
# Kept bytecode halves the start of each of the hub's processes; the tests start some three hundred.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo run test test-faults lint lock secrets clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## make .venv with everything at locked versions

demo: setup ## watch referrals go through a real hub, with a process killed on the way
	@$(BIN)/hub demo

run: setup ## run the whole hub on this machine until interrupted
	@$(BIN)/hub serve

test: setup $(BROWSER) lint ## lint, then every test on the real stores, then the coverage wall
	@$(BIN)/pytest --cov --cov-report= -n 3 --dist loadfile --no-loadscope-reorder
	@$(BIN)/coverage json --quiet -o - | $(BIN)/python -m tests.coverage_wall

test-faults: setup ## the long fault campaign: every crash point ten times, outages, seeded bugs
	@$(BIN)/pytest -m faults

lint: setup ## style, types and import directions
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

lock: setup ## write requirements.lock anew from pyproject.toml (needs uv)
	@command -v uv >/dev/null || { echo "make lock needs uv: https://docs.astral.sh/uv/" >&2; exit 1; }
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet --output-file requirements.lock

secrets: ## write the secrets that docker-compose.yml mounts (kept when they are there)
	@mkdir -p -m 700 .secrets
	@for name in database_password kafka_password; do test -s .secrets/$$name || openssl rand -hex 24 > .secrets/$$name; done
	@test -s .secrets/hub_key || openssl rand -base64 32 > .secrets/hub_key

clean: ## remove what setup, tests and runs made (the hub's data too)
	rm -rf $(VENV) .data build dist htmlcov .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BROWSER): $(STAMP)
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || { \
	  echo "Installing Chromium for the tests of the pages (Debian's package); once." && \
	  as= && { test "$$(id -u)" = 0 || as="sudo -n"; } && $$as apt-get update -qq && $$as apt-get install -y -qq chromium >/dev/null; } || { \
	  echo "The tests of the pages need Chromium: install the package chromium (or google-chrome), then try again." >&2; exit 1; }
	@touch $@

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "The hub needs Python 3.11 or newer; $(PYTHON) is older or missing. Try: make PYTHON=python3.11 $(or $(firstword $(MAKECMDGOALS)),setup)" >&2; exit 1; }
	@echo "Making $(VENV) with everything at locked versions; once, about a minute."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@began=$$(date +%s) && \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock && \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . && \
	echo "Made in $$(($$(date +%s) - began)) s."
	@touch $@
