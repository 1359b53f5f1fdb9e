# `make sweep` runs the main job on the embedded sample, `make test` the tests; both install first if need be.
# `make test-slow` runs those that take minutes each; CI runs them, too.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: install sweep test test-slow check format

install: $(INSTALLED)

# Installed again only when what is to be installed has changed.
$(INSTALLED): setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --constraint constraints.txt --editable '.[dev]'
	touch $@

sweep: install
	$(BIN)/upsweep run experiments/quickstart.yaml --overwrite

test: install
	$(BIN)/pytest --numprocesses 2 --dist loadfile -m 'not slow'

test-slow: install
	$(BIN)/pytest --numprocesses 2 --dist loadfile -m slow

check: install
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: install
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
