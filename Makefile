# Two commands on a fresh machine: `make train` and `make test`.
# Others: `make heavy` (slow tests), `make test-faults` (runs damaged, killed and starved; some
# 20 minutes), `make exhaustive` (each of many alike, of which other suites try one of a kind),
# `make parity` (against torch and Keras; `make parity-all` every model, some 20 minutes),
# `make lint`, `make clean` (removes .venv).
# Arguments go through ARGS: make train ARGS='--steps 500 --members 5'

PYTHON ?= python3
BIN := .venv/bin

.PHONY: train test heavy test-faults exhaustive parity parity-all lint clean

train: .venv/train
	$(BIN)/python experiments/convolutional/lenet_digits.py $(ARGS)

test: .venv/test
	$(BIN)/python -m pytest $(ARGS)

heavy: .venv/test
	$(BIN)/python -m pytest -m heavy $(ARGS)

test-faults: .venv/test
	$(BIN)/python -m pytest -m faults $(ARGS)

exhaustive: .venv/test
	$(BIN)/python -m pytest -m exhaustive $(ARGS)

parity: .venv/parity
	$(BIN)/python -m pytest tests/parity $(ARGS)

parity-all: .venv/parity
	$(BIN)/python -m pytest tests/parity -n 0 -s -m 'heavy or not heavy' $(ARGS)

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python

clean:
	rm -rf .venv

.venv/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "dljax needs Python 3.11 or newer: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	touch $@

.venv/train: .venv/python setup.cfg
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

.venv/test .venv/dev .venv/parity: .venv/%: .venv/python setup.cfg
	$(BIN)/python -m pip install --quiet --editable '.[$*]'
	touch $@
