# Everything sets itself up: a machine needs git, make and Python 3.11 or newer.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TESTERS ?= 3
READY := $(VENV)/.ready

.PHONY: help run test fuzz lint check format bench lock oracle client clean

help: ## Show what there is
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Khaywe needs Python 3.11 or newer; name one with: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo "Setting up $(VENV) (once; about a minute) …"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(READY)

run: $(READY) ## Set up, load the demo on first start, and serve on port 8000
	@$(BIN)/khaywe demo
	@exec $(BIN)/khaywe serve

test: $(READY) ## Run all tests, in TESTERS processes (3: two cores, and somebody always waits for a disk)
	@$(BIN)/pytest -n $(TESTERS) --dist loadfile

fuzz: $(READY) ## Ask the whole API at random, for ten minutes
	@KHAYWE_FUZZ_SECONDS=600 $(BIN)/pytest tests/integration/api/test_whole_api.py

lint: $(READY) ## Lint, format, types, import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

check: lint test ## The gate: lint and test

format: $(READY) ## Format and fix what can be fixed by itself
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(READY) ## Measure; one group with ONLY=posting
	@$(BIN)/python -m bench $(ONLY)

lock: $(READY) ## Write requirements.lock anew from pyproject.toml
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header \
		--extra demo --extra dev pyproject.toml -o requirements.lock

oracle: $(READY) ## Fetch json-logic-js, which the tests of rules compare with where node is there
	@npm install --prefix $(VENV)/oracle --no-save --no-package-lock --no-audit --no-fund --silent json-logic-js@2.0.5

client: $(READY) ## Generate the Python client into examples/python/khaywe_client
	@$(BIN)/khaywe openapi > $(VENV)/openapi.json
	@$(BIN)/uvx --quiet --from openapi-python-client==0.29.1 openapi-python-client generate --meta none \
		--path $(VENV)/openapi.json --output-path examples/python/khaywe_client --overwrite

clean: ## Remove the environment and caches; the data folder stays
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
