# make demo · make test · make lint: from a fresh clone, with Python >= 3.11, a C compiler and make.

CHECK := import ensurepip, sys; sys.exit(sys.version_info < (3, 11))
FOUND := $(shell for python in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$python -c '$(CHECK)' 2>/dev/null && echo $$python && break; done)
PYTHON ?= $(FOUND)

VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --quiet --disable-pip-version-check
SOURCE := $(shell find src -name '*.py' -o -name '*.pyi' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.pxi' -o -name '*.h')

.PHONY: help demo test test-long fuzz fuzz-guided kills power damage lint format bench wheel clean

help:
	@echo "make demo       pack the standard library of this Python, and all that can be done with it"
	@echo "make test       the whole test suite"
	@echo "make test-long  the tests that take minutes"
	@echo "make fuzz       mutated archives, blocks and databases for SECONDS (60), from SEED (1)"
	@echo "make fuzz-guided  each decoder and parser by libFuzzer and Atheris for SECONDS (60): Linux, needs clang"
	@echo "make kills      500 kills of compress at named points and random instants, all resumed"
	@echo "make power      states that a power failure may leave of six commands, each gone on from"
	@echo "make damage     every byte changed and every cut of 27 archives, parts exchanged and removed"
	@echo "make lint       ruff, mypy --strict, cython-lint"
	@echo "make bench      kernels and pipeline against themselves; peers: see benchmarks/README.md"
	@echo "make wheel      a wheel in dist/"

demo: $(VENV)/installed
	@$(BIN)/python scripts/demo.py

test: $(VENV)/installed $(VENV)/test
	$(BIN)/python -m pytest -q -n 2 $(ARGS)

test-long: $(VENV)/installed $(VENV)/test
	$(BIN)/python -m pytest -q -m long $(ARGS)

fuzz: $(VENV)/installed $(VENV)/test
	PYTHONPATH=tests:. $(BIN)/python -m fuzz.run --seconds $(or $(SECONDS),60) --seed $(or $(SEED),1) $(ARGS)

fuzz-guided: $(VENV)/installed $(VENV)/test $(VENV)/fuzz
	PYTHON=$(CURDIR)/$(BIN)/python SECONDS_EACH=$(or $(SECONDS),60) scripts/fuzz_guided.sh $(ARGS)

kills: $(VENV)/installed $(VENV)/test
	PYTHONPATH=tests:. $(BIN)/python -m crash.kills $(ARGS)

power: $(VENV)/installed $(VENV)/test
	PYTHONPATH=tests:. $(BIN)/python -m crash.power $(ARGS)

damage: $(VENV)/installed $(VENV)/test
	PYTHONPATH=tests:. $(BIN)/python -m damage.run $(ARGS)

lint: $(VENV)/installed $(VENV)/lint
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest ucompress._core --ignore-disjoint-bases --allowlist tests/house/stub_allowlist.txt
	PATH="$(CURDIR)/$(BIN):$$PATH" cython-lint src/ucompress tests/house

format: $(VENV)/lint
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

bench: $(VENV)/installed $(VENV)/test
	$(BIN)/python -m pytest -q -p benchmark benchmarks $(ARGS)

wheel: $(VENV)/pip
	$(PIP) wheel --no-deps --wheel-dir dist .

clean:
	rm -rf $(VENV) build dist src/*.egg-info
	find src -name '*.so' -delete

$(VENV)/pip:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer with the venv module is needed: make PYTHON=/path/to/python"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --upgrade 'pip>=25.1'
	@touch $@

$(VENV)/installed: $(VENV)/pip pyproject.toml setup.py $(SOURCE)
	$(PIP) install .
	@touch $@

$(VENV)/test: $(VENV)/pip pyproject.toml
	$(PIP) install --group test
	@touch $@

$(VENV)/fuzz: $(VENV)/pip pyproject.toml
	$(PIP) install --group fuzz
	@touch $@

$(VENV)/lint: $(VENV)/pip pyproject.toml
	$(PIP) install --group lint
	@touch $@
