# Everything runs in .venv/<python name>, made when first needed and brought up
# to date when pyproject.toml or setup.py change.
PYTHON = python3
ARGS =

NAME := $(shell $(PYTHON) -c 'import sys; sys.version_info >= (3, 10) and print("python%d.%d" % sys.version_info[:2])' 2>/dev/null)
ifeq ($(NAME),)
$(error $(PYTHON) is not a Python of 3.10 or later; name one, as in: make test PYTHON=python3.12)
endif
VENV := .venv/$(NAME)
BIN := $(VENV)/bin
CORE := $(filter-out __init__,$(basename $(notdir $(wildcard wsagent/core/*.py))))

export PIP_DISABLE_PIP_VERSION_CHECK = 1

help:  ## say what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-12s%s\n", $$1, $$2 }' Makefile
	@echo 'Another Python: make test PYTHON=python3.12.  Options: make run ARGS="--port 9000".'

run: $(VENV)/with-tls  ## serve on port 8001, or as ARGS say
	$(BIN)/twistd -n wsagent $(or $(ARGS),--port 8001)

test: pytest  ## run every test under pytest, then those in memory under trial
	$(BIN)/python -m twisted.trial --reporter=text tests

pytest: $(VENV)/with-test  ## run every test under pytest
	$(BIN)/pytest --numprocesses=auto $(ARGS)

coverage: $(VENV)/with-test  ## see that each core module is covered whole by its own tests
	@for module in $(CORE); do \
	    $(BIN)/coverage erase && \
	    $(BIN)/coverage run -m pytest -q tests/core/test_$$module.py && \
	    $(BIN)/coverage combine -q && \
	    $(BIN)/coverage report --include=wsagent/core/$$module.py --fail-under=100 || exit 1; \
	done

compliance: $(VENV)/with-compliance  ## hold both sides against the conformance suite
	$(BIN)/python compliance/run.py $(ARGS)

bench: | $(BIN)/pip  ## measure beside other libraries
	$(BIN)/python benchmarks/run.py $(ARGS)

lint: $(VENV)/with-lint  ## check the style
	$(BIN)/ruff check
	$(BIN)/ruff format --check

format: $(VENV)/with-lint  ## mend the style, as far as it can be mended
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

types: $(VENV)/with-lint  ## check the types
	$(BIN)/mypy

clean:  ## leave only the sources
	rm -rf .venv build dist *.egg-info .coverage* .hypothesis .*_cache _trial_temp* compliance/reports twisted/plugins/dropin.cache
	find . -name __pycache__ -exec rm -rf {} +

$(VENV)/with-%: pyproject.toml setup.py | $(BIN)/pip
	$(BIN)/pip install --quiet --editable '.[$*]'
	@touch $@

# Debian keeps what a venv needs in a package of its own.
SUDO = $(if $(filter 0,$(shell id -u)),,sudo -n)
$(BIN)/pip:
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
	    $(SUDO) apt-get update; \
	    $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y $(NAME)-venv; \
	} >/dev/null 2>&1 || { echo 'Please install the package $(NAME)-venv, and run make again.'; exit 1; }
	$(PYTHON) -m venv $(VENV)

.PHONY: help run test pytest coverage compliance bench lint format types clean
