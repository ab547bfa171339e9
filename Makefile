# Everything runs in .venv/<python name>, made when first needed and brought up
# to date when pyproject.toml or setup.py change, or what is compiled.
PYTHON = python3
ARGS =

NAME := $(shell $(PYTHON) -c 'import sys; sys.version_info >= (3, 10) and print("python%d.%d" % sys.version_info[:2])' 2>/dev/null)
ifeq ($(NAME),)
$(error $(PYTHON) is not a Python of 3.10 or later; name one, as in: make test PYTHON=python3.12)
endif
VENV := .venv/$(NAME)
BIN := $(VENV)/bin
COMPILED := $(shell sed -n 's/^    "\(wsagent.*\)",/\1/p' setup.py)
COMPILED += $(wildcard $(addsuffix .pxd,$(basename $(COMPILED)))) $(wildcard wsagent/*/*.h)
COPY := build/pure
CORE := $(filter-out __init__,$(basename $(notdir $(wildcard wsagent/core/*.py))))

export PIP_DISABLE_PIP_VERSION_CHECK = 1

help:  ## say what can be made
	@awk -F ':.*## ' '/^[a-z%-]+:.*## / { printf "make %-12s%s\n", $$1, $$2 }' Makefile
	@echo 'Another Python: make test PYTHON=python3.12.  Options: make run ARGS="--port 9000".'

run: $(VENV)/with-run  ## serve on port 8001, or as ARGS say
	$(BIN)/twistd -n wsagent $(or $(ARGS),--port 8001)

test: pytest  ## run every test under pytest, then those in memory under trial
	$(BIN)/python -m twisted.trial --reporter=text tests

pytest: $(VENV)/with-test  ## run every test under pytest
	$(BIN)/pytest --numprocesses=auto $(ARGS)

off: $(VENV)/with-test  ## run the tests with real sockets off the fast lane
	$(BIN)/pytest --numprocesses=auto --transport=twisted -m 'not once' tests/network $(ARGS)

pure-%: copy  ## do the same in a copy, where nothing is compiled: make pure-pytest
	WSAGENT_PURE=1 $(MAKE) -C $(COPY) $*

# What is compiled there stays, until make knows it to be old.
copy:
	@mkdir -p $(COPY)
	@find $(COPY) \( -path $(COPY)/.venv -o -path $(COPY)/build -o -name '*.egg-info' \) \
	    -prune -o -type f ! -name '*.so' -exec rm -f {} +
	@git ls-files -z --cached --others --exclude-standard | \
	    tar --create --null --files-from=- --ignore-failed-read 2>/dev/null | \
	    tar --extract --directory=$(COPY)

coverage: pure-cores  ## see that each core module is covered whole by its own tests

# Of what is compiled, coverage sees nothing.
cores: $(VENV)/with-test
	@for module in $(CORE); do \
	    $(BIN)/coverage erase && \
	    $(BIN)/coverage run -m pytest -q tests/core/test_$$module.py && \
	    $(BIN)/coverage combine -q && \
	    $(BIN)/coverage report --include=wsagent/core/$$module.py --fail-under=100 || exit 1; \
	done

compliance: $(VENV)/with-compliance  ## hold both sides against the conformance suite
	$(BIN)/python compliance/run.py $(ARGS)

fuzz: $(VENV)/with-fuzz  ## look for octets with which what has to hold does not
	$(BIN)/python -m fuzz $(ARGS)

# One copy each: people run what gcc compiles, the engine counts in what clang does.
SANITIZED = -fno-omit-frame-pointer -g -fsanitize=address,undefined
SANITIZING = PYTHONMALLOC=malloc ASAN_OPTIONS=detect_leaks=0 \
    UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
SWEEP = tests/core tests/sockets tests/safety tests/network/test_lane.py \
    tests/network/test_transport.py tests/network/test_serving.py
CLANG = clang
# Cython itself adds nothing to no pointer.
ENGINED = $(SANITIZED),fuzzer-no-link -fno-sanitize=pointer-overflow

asan-pytest:  ## run tests in a copy, compiled with AddressSanitizer
	@$(MAKE) --no-print-directory copy COPY=build/asan
	CFLAGS='$(SANITIZED)' $(MAKE) -C build/asan $(VENV)/with-test
	cd build/asan && env LD_PRELOAD=$$(cc -print-file-name=libasan.so) $(SANITIZING) \
	    $(BIN)/pytest -p no:cacheprovider $(or $(ARGS),$(SWEEP))

asan-fuzz:  ## fuzz what is compiled, in a copy, with AddressSanitizer
	@$(MAKE) --no-print-directory copy COPY=build/asan-fuzz
	CC=$(CLANG) CFLAGS='$(ENGINED)' \
	    $(MAKE) -C build/asan-fuzz $(VENV)/with-fuzz
	cd build/asan-fuzz && \
	    env LD_PRELOAD=$$($(BIN)/python -c 'import atheris as a; print(a.path())')/asan_with_fuzzer.so \
	    $(SANITIZING) $(BIN)/python -m fuzz --compiled $(ARGS)

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

docs: $(VENV)/with-docs  ## make the pages, in build/docs; a warning is an error
	$(BIN)/sphinx-build --fresh-env --fail-on-warning --keep-going --quiet docs build/docs $(ARGS)

clean:  ## leave only the sources
	rm -rf .venv build dist *.egg-info .coverage* .hypothesis .*_cache _trial_temp* compliance/reports twisted/plugins/dropin.cache
	find . -name __pycache__ -exec rm -rf {} +

$(VENV)/with-%: pyproject.toml setup.py $(COMPILED) | $(BIN)/pip
	@$(CANCOMPILE) || { \
	    $(SUDO) apt-get update; \
	    $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y gcc libc6-dev $(NAME)-dev; \
	} >/dev/null 2>&1 || echo 'No C compiler, or no Python.h (in the package $(NAME)-dev): all is slower.'
	$(BIN)/pip install --quiet --editable '.[$*]'
	@touch $@

# Whether it can be, or need not.
CANCOMPILE = test -n "$(filter-out 0,$(WSAGENT_PURE))" || { command -v cc >/dev/null && \
    $(BIN)/python -c 'import sysconfig as s; open(s.get_path("include") + "/Python.h")' 2>/dev/null; }

# Debian keeps what a venv needs in a package of its own.
SUDO = $(if $(filter 0,$(shell id -u)),,sudo -n)
$(BIN)/pip:
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
	    $(SUDO) apt-get update; \
	    $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y $(NAME)-venv; \
	} >/dev/null 2>&1 || { echo 'Please install the package $(NAME)-venv, and run make again.'; exit 1; }
	$(PYTHON) -m venv $(VENV)

.PHONY: help run test pytest off copy coverage cores compliance fuzz asan-pytest asan-fuzz bench lint format types docs clean
