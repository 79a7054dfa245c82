# One command each. `make run` and `make test` need Python 3.11+ and make, nothing else.
# Recipes `exec` what they run, so that Ctrl-C and SIGTERM reach it and it can stop its servers.

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PROVIDER := tests/oidc/node_modules/.ready
ARGS ?=
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Every process that starts reads bytecode: tests start hundreds, and each would compile for seconds.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help run test check hunt bench format lock clean install \
        check-format check-lint check-types check-imports check-schema check-migrations

help: ## Show what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: install ## Run everything on this machine: servers, demo data, API, worker
	@exec $(BIN)/vdept up $(ARGS)

test: install $(PROVIDER) ## Run all tests (ARGS="tests/rules -k pace" for some)
	@exec $(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)

check: check-format check-lint check-types check-imports check-schema check-migrations test ## Run what CI runs

hunt: install ## Hunt for leaks: 200,000 random questions against the policy (ARGS="--checks 5000 --seed x")
	@cd tests && exec ../$(BIN)/python -m hunt $(ARGS)

bench: install ## Measure; rewrites docs/performance.md and bench/results.json
	@exec $(BIN)/python -m bench $(ARGS)

format: install ## Format the code and mend what the linter can
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lock: install ## Lock the dependencies anew, with hashes, for every platform and Python from 3.11
	@PYTHON=$(BIN)/python sh requirements/lock.sh

clean: ## Remove the virtual environment and caches (the data folder stays)
	rm -rf $(VENV) tests/oidc/node_modules dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

check-format: install
	@echo "== format"
	@exec $(BIN)/ruff format --check .

check-lint: install
	@echo "== lint"
	@exec $(BIN)/ruff check .

check-types: install
	@echo "== types"
	@exec $(BIN)/mypy

check-imports: install
	@echo "== import contracts"
	@exec $(BIN)/lint-imports

check-schema: install
	@echo "== GraphQL schema"
	@exec $(BIN)/python -m vdept_graphql.sdl --check

check-migrations: install
	@echo "== migrations"
	@exec $(BIN)/vdept migrate --check

install: $(READY)

# Again only when the lock or the project's own metadata changed.
$(READY): requirements/dev.txt pyproject.toml requirements/install.sh
	@VENV=$(VENV) sh requirements/install.sh
	@touch $@

$(PROVIDER): tests/oidc/package-lock.json tests/oidc/install.sh $(READY)
	@VENV=$(VENV) sh tests/oidc/install.sh
	@touch $@
