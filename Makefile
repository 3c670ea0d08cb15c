# `make help` lists the targets. Everything runs in .venv, which is made from requirements.lock on first use.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PYTHONUNBUFFERED := 1
export DVC_NO_ANALYTICS := 1
export MLFLOW_DISABLE_TELEMETRY := true

.DEFAULT_GOAL := help
.PHONY: help install repro methods bundle collect snapshot test test-quick leaderboard mlflow lint bench lock clean

help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 22

repro: $(INSTALLED) ## From data to the ranked board: runs what is not up to date, then shows the ranking
	@python -m stages.repro

TASK ?= fire
methods: $(INSTALLED) ## Compares all compression methods on a task (TASK=fire SET="key=value …"): a table and a picture
	@python -m stages.publish --init
	@python -m stages.methods $(TASK) $(SET)

test: $(INSTALLED) ## All tests (no network, no GPU, no board needed)
	@python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test-quick: $(INSTALLED) ## The tests that take seconds
	@python -m pytest -m "not slow and not browser"

leaderboard: $(INSTALLED) ## Opens the board in the browser (http://127.0.0.1:8501)
	@streamlit run leaderboard/app.py

bundle: $(INSTALLED) ## What a board needs to run the exported files, one tar per task: bundles/
	@python -m stages.bundle

collect: $(INSTALLED) ## Rows of experiments and of your team's MLflow beside those of this clone
	@python -m stages.collect

snapshot: $(INSTALLED) ## The board as one HTML file that opens without a server: results/board.html
	@python -m stages.snapshot results/board.html

mlflow: $(INSTALLED) ## Opens MLflow on the runs that were published (http://127.0.0.1:5000)
	@python -m stages.publish --init
	@mlflow ui --host 127.0.0.1 --port 5000 --backend-store-uri "$${MLFLOW_TRACKING_URI:-sqlite:///mlflow.db}"

lint: $(INSTALLED) ## ruff, mypy and the import rules
	@ruff check . && ruff format --check . && mypy && lint-imports

bench: $(INSTALLED) ## Benchmarks of Edgeboard itself, as ratios against a named alternative
	@for file in benchmarks/bench_*.py; do echo "== $$file"; python "$$file" || exit 1; done

install: $(INSTALLED) ## Only makes .venv

# uv is used where it is installed, for speed; pip reads the same hashed lock. Both compile to bytecode, without which
# torch and its company take three times as long to import in every stage.
$(INSTALLED): requirements.lock
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v < (3, 14) else f"Edgeboard needs Python 3.11, 3.12 or 3.13, {sys.executable} is {v[0]}.{v[1]}. Name another: make PYTHON=python3.12")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the locked packages into $(VENV) (about 7 GB; 1 to 4 minutes)"
	@if command -v uv >/dev/null && uv pip install --quiet --compile-bytecode --python $(BIN)/python --no-deps --require-hashes -r requirements.lock; then :; \
	else $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock; fi
	@touch $(INSTALLED)

lock: ## Rewrites requirements.lock from pyproject.toml, keeping what need not change (needs uv)
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate -o requirements.lock

clean: ## Removes what runs have made, but not .venv, the board and the MLflow store
	rm -rf data models exports .edgeboard results/explain results/benchmark .mypy_cache .ruff_cache .pytest_cache
