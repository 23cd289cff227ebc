# `make demo` and `make test` make their own virtual environment and install what they need.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
PIP = $(BIN)/pip --disable-pip-version-check install --quiet

# Without this pip before 23.1, which Debian 12 has, fails over txWS, a package of old.
export PIP_USE_PEP517 = 1

.PHONY: demo test quick proof lint docs clean

demo: $(VENV)/demo.stamp
	$(BIN)/statscache demo

test: $(VENV)/browser.stamp lint
	$(BIN)/python -m pytest

quick: $(VENV)/test.stamp
	$(BIN)/python -m pytest -n auto -m "not slow"

# Thousands of kills: half an hour or more.
proof: $(VENV)/test.stamp
	$(BIN)/python tests/crash/proof.py

lint: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(VENV)/test.stamp
	$(BIN)/sphinx-build -W -b html docs docs/_build

clean:
	rm -rf $(VENV) build docs/_build *.egg-info

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "statscache needs Python 3.11 or newer: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/demo.stamp: $(BIN)/python setup.py pyproject.toml
	$(PIP) --editable .
	touch $@

$(VENV)/test.stamp: $(BIN)/python setup.py pyproject.toml
	$(PIP) --editable '.[test]'
	touch $@ $(VENV)/demo.stamp

# Without a browser the tests that need one fail and say so; the others run.
$(VENV)/browser.stamp: $(VENV)/test.stamp
	-$(BIN)/python tests/browser/chromium.py && touch $@
