# What a person does with this repository: `make help`.
# Needs Python >= 3.11 and nothing else; everything is installed into .venv from constraints.txt.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
RUNTIME := $(VENV)/.runtime
DEV := $(VENV)/.dev
# The checks look at a database of their own, never at a site's.
CHECK := DATA_DIR=$(CURDIR)/.data/check LOG_LEVEL=WARNING $(RUN)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo demo-password serve superuser test test-fast bench faults check clean

help: ## This list
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "make %-14s %s\n", $$1, $$2 }'

demo: $(RUNTIME) ## A demo company with shoppers coming in; prints the address and the log-in
	@$(RUN) -m config.runner demo

demo-password: $(RUNTIME) ## A new password for the demo's log-in
	@$(RUN) -m config.runner demo-password

serve: $(RUNTIME) ## Web, worker and mail catcher on an empty site
	@$(RUN) -m config.runner serve

superuser: $(RUNTIME) ## A log-in with all rights; asks for name and password
	@$(RUN) manage.py createsuperuser

test: $(DEV) ## The whole test suite
	@$(RUN) -m pytest -n 2 --durations=15

test-fast: $(DEV) ## The tests that need neither a browser nor seconds
	@$(RUN) -m pytest -n 2 --durations=5 -m "not slow and not browser"

bench: $(DEV) ## The whole product under load, in five minutes; FULL=1: as the protocol says
	@$(RUN) -m benchmarks $(if $(FULL),--full)

faults: $(DEV) ## Kills, cuts and misbehaves, and checks the promises, in minutes; FULL=1: longer outages
	@$(RUN) -m tests.faults $(if $(FULL),--full)

check: $(DEV) ## Style, types, templates, layers, migrations, packages
	@echo "Lint (ruff)";                         $(VENV)/bin/ruff check --quiet .
	@echo "Format (ruff)";                       $(VENV)/bin/ruff format --quiet --check .
	@echo "Types (mypy)";                        $(VENV)/bin/mypy --no-error-summary .
	@echo "Templates (djlint)";                  $(VENV)/bin/djlint --quiet --lint templates
	@echo "Layers (import-linter)";              $(VENV)/bin/lint-imports > $(VENV)/layers.log || { cat $(VENV)/layers.log; exit 1; }
	@echo "System checks (Django)";              $(CHECK) manage.py check --fail-level WARNING
	@echo "Models without a migration (Django)"; $(CHECK) manage.py makemigrations --check --dry-run
	@echo "Migrations (migration linter)";       $(CHECK) -m config.lint_migrations
	@echo "Packages fit together (pip)";         $(RUN) -m pip check > /dev/null || $(RUN) -m pip check

clean: ## Removes .venv and caches; the data in .data stays
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- Installing: a stamp per step, renewed when pyproject.toml or constraints.txt change -----------------

$(VENV)/.made:
	@command -v $(PYTHON) > /dev/null || { echo "Dripline needs Python 3.11 or newer, but there is no $(PYTHON)."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Dripline needs Python 3.11 or newer: name one, such as 'make demo PYTHON=python3.12'."; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "Python's venv module is missing: on Debian install the package python3-venv."; exit 1; }
	@touch $@

# An application, not a package: only what it depends on is installed.
define install
	@echo "Installing what Dripline needs $(1) (the first time takes a minute) …"
	@$(RUN) -c 'import tomllib; p = tomllib.load(open("pyproject.toml", "rb"))["project"]; print(*p$(2), sep="\n")' > $@.txt
	@$(RUN) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --requirement $@.txt
	@touch $@
endef

$(RUNTIME): pyproject.toml constraints.txt $(VENV)/.made
	$(call install,to run,["dependencies"])

$(DEV): $(RUNTIME)
	$(call install,to be tested,["optional-dependencies"]["dev"])
