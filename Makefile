# Everything a fresh machine needs: Python 3.11+, pip and make.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
AXE := .browser/node_modules/axe-core/package.json
AXE_VERSION := 4.14.1
export UV_SYSTEM_CERTS := 1
export DBT_SEND_ANONYMOUS_USAGE_STATS := false

.PHONY: demo test coverage check bench bench-detection bench-model setup browser alertmanager \
  clean help
.DEFAULT_GOAL := help

help: ## List the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(STAMP) ## Create .venv and install everything into it

$(STAMP): pyproject.toml constraints.txt
	@echo "Installing into $(VENV) ..."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; set PYTHON=... to one."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv -c constraints.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode \
	  -c constraints.txt -e '.[test]'
	@touch $@

demo: $(STAMP) ## Simulate 60 days, run the whole pipeline, open the dashboard
	@$(BIN)/alignment-monitor demo

test: $(STAMP) browser alertmanager ## Lint, types, and all tests, with real Chromium
	@$(MAKE) --no-print-directory check & checking=$$!; \
	  $(BIN)/pytest -n 3 --dist loadgroup; tests=$$?; \
	  wait $$checking && exit $$tests

coverage: $(STAMP) browser alertmanager ## The same tests with the lines that they reach, a third slower
	@$(BIN)/pytest -n 3 --dist loadgroup --cov --cov-report=term --cov-fail-under=85

check: $(STAMP) ## Lint and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

browser: $(AXE) ## Install Chromium and axe-core for the page tests, where this machine lets us
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || \
	  { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && echo "Installing Chromium ..." && \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium \
	      >/dev/null; } || \
	  echo "Chromium is missing and cannot be installed here: page tests will be skipped." \
	       "Install the package 'chromium' and run 'make test' again."

$(AXE): Makefile
	@command -v npm >/dev/null && npm install --no-audit --no-fund --no-save --loglevel=error \
	  --prefix .browser axe-core@$(AXE_VERSION) >/dev/null && touch $(AXE) || \
	  echo "axe-core cannot be installed here: the accessibility test will be skipped." \
	       "Install npm and run 'make test' again."

alertmanager: ## Install a Prometheus Alertmanager for its tests, where this machine lets us
	@command -v prometheus-alertmanager >/dev/null || command -v alertmanager >/dev/null || \
	  { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	    echo "Installing Alertmanager ..." && \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
	      prometheus-alertmanager >/dev/null; } || \
	  echo "Alertmanager is missing and cannot be installed here: its tests will be skipped." \
	       "Install the package 'prometheus-alertmanager' and run 'make test' again."

bench: $(STAMP) ## Slow simulations and timings
	@$(BIN)/python benchmarks/detection_null.py
	@$(BIN)/python benchmarks/demo_seeds.py 20
	@$(BIN)/python -m benchmarks.budget_bias
	@$(BIN)/python -m benchmarks.sampling_design
	@$(BIN)/python -m benchmarks.interval_coverage
	@$(BIN)/python -m benchmarks.run_lengths
	@$(BIN)/python -m benchmarks.alert_stream
	@$(BIN)/python -m benchmarks.judging_throughput
	@$(BIN)/python -m benchmarks.screener_speed
	@$(BIN)/python -m benchmarks.estimates_speed
	@$(BIN)/python -m benchmarks.dashboard_speed
	@for way in chat responses decisions batch; do $(BIN)/python -m benchmarks.chaos $$way; done
	@$(BIN)/python -m benchmarks.poisoned

bench-detection: $(STAMP) ## How soon changes are found, for half an hour
	@$(BIN)/python -m benchmarks.detection
	@$(BIN)/python -m benchmarks.detection_deployed
	@$(BIN)/python -m benchmarks.label_strata
	@$(BIN)/python -m benchmarks.real_replays

bench-model: $(STAMP) ## A real small model as a judge, for half an hour
	@$(BIN)/python -m benchmarks.real_model

clean: ## Remove the virtual environment and the demo's home
	rm -rf $(VENV) .browser .alignment_monitor dbt_project/target
