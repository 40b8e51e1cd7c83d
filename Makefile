# Counterpoint. `make demo` and `make test` set up all they need: either can be the first command typed.

PYTHON  ?= python3
VENV    ?= .venv
WORKERS ?= 2
BIN     := $(VENV)/bin
READY   := $(VENV)/.ready

.PHONY: help demo demo-pictures test quick lint docs setup clean
.DEFAULT_GOAL := help

help:  ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 18

demo: $(READY)  ## decode what a simulated brain saw, in a few minutes; ends in a report whose path is printed
	@echo "== the pictures: scenes of photographs (Debian's tuxpaint stamps, 11 MB), or drawn ones where they cannot be had"
	@$(BIN)/counterpoint data fetch stamps || echo "Going on with drawn scenes."
	@echo "== counterpoint demo"
	@$(BIN)/counterpoint demo

demo-pictures: $(READY)  ## train SimCLR on 60,000 real pictures for a few minutes; ends in a report
	@echo "== real pictures: Fashion-MNIST, 60,000 for training and 10,000 for testing (31 MB, MIT licence)"
	@if $(BIN)/counterpoint data fetch fashion-mnist; then data=fashion-mnist; \
	else data=scenes; echo "Fashion-MNIST cannot be had here: going on with scenes, which are drawn on the spot."; fi; \
	echo "== counterpoint demo --brain=false --data $$data"; \
	$(BIN)/counterpoint demo --brain=false --data $$data

test: $(READY)  ## the whole suite: unit tests, doctests, golden values, small trainings, README commands
	@echo "== every test, $(WORKERS) processes of one thread each; 'make quick' leaves out the slow ones"
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --durations 12

quick: $(READY)  ## tests that take under two minutes together
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not slow"

lint: $(READY)  ## ruff, mypy, and the order of imports
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(READY)  ## the site, from docstrings, recipes and executed gallery scripts: docs/_build/html/index.html
	OMP_NUM_THREADS=2 $(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

setup: $(READY)  ## the virtual environment in .venv; done once, and again when pyproject.toml changes

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or later is needed; $(PYTHON) is older. Try: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' \
	  || { echo "$(PYTHON) cannot make virtual environments. Try: apt-get install python3-venv"; exit 1; }
	@echo "== setting up $(VENV): a few minutes and about 6 GB, once"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -qq --progress-bar off torch torchvision
	$(BIN)/python -m pip install -qq --progress-bar off -e ".[dev]"
	@touch $@

clean:  ## remove what was built (not .venv, not runs/)
	rm -rf build dist docs/_build docs/generated docs/gallery_out .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
