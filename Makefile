# Every target sets up what it needs in .venv; nothing else has to be installed than Python 3.11 or newer.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
# A waiting thread sleeps: spinning ones starve each other where cores are shared.
export OMP_WAIT_POLICY := PASSIVE
export TOKENIZERS_PARALLELISM := false
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
WORKERS ?= 2
# Outside the folder, so that a fresh clone finds it: one gigabyte, and two minutes to install.
LABEL_STUDIO ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/accord/label-studio

.PHONY: help demo loop serve test check bench soak test-servers pictures format clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("Accord needs Python 3.11 or newer; set PYTHON=") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'pip>=26'

# torch comes first and pinned, so that no other package can choose another build of it.
$(VENV)/.runtime: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "installing Accord into $(VENV) (about two minutes)"
	$(PIP) 'torch==2.13.*'
	$(PIP) --editable '.[serve,train]'
	@touch $@

$(VENV)/.development: $(VENV)/.runtime
	$(PIP) --editable '.[serve,train,label-studio,dev]'
	@touch $@

demo:  ## the whole loop on two cores, ending with a report
	@started=$$(date +%s); $(MAKE) --no-print-directory $(VENV)/.runtime && ACCORD_DEMO_STARTED_AT=$$started accord demo $(ARGS)

loop: $(VENV)/.runtime  ## the loop on real data: set ACCORD_SHARED to the folder that holds data/
	accord loop $(ARGS)

serve: $(VENV)/.runtime  ## the labeling service on this machine
	ACCORD_ENVIRONMENT=development accord serve $(ARGS)

test: $(VENV)/.development  ## the test suite
	OMP_NUM_THREADS=1 pytest -n $(WORKERS) -m 'not soak and not server' $(ARGS)

check: $(VENV)/.development  ## format, lint, types, import contracts, documentation
	ruff format --check .
	ruff check .
	mypy
	lint-imports
	OMP_NUM_THREADS=1 pytest -q tests/test_layout.py tests/test_docs.py

soak: $(VENV)/.development  ## the long fault tests
	OMP_NUM_THREADS=1 pytest -m soak --timeout 3600 --table benchmarks/faults/soak.md --table-title 'Long fault tests' $(ARGS)

$(LABEL_STUDIO)/.ready: tests/end_to_end/label_studio.txt
	@echo "installing Label Studio into $(LABEL_STUDIO) (about two minutes)"
	rm -rf $(LABEL_STUDIO)
	$(PYTHON) -m venv $(LABEL_STUDIO)
	$(LABEL_STUDIO)/bin/python -m pip install --quiet --disable-pip-version-check 'pip>=26'
	$(LABEL_STUDIO)/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

test-servers: $(VENV)/.development $(LABEL_STUDIO)/.ready  ## tests against real servers, which are started from pip
	OMP_NUM_THREADS=1 ACCORD_LABEL_STUDIO=$(LABEL_STUDIO)/bin/label-studio pytest -m server --table benchmarks/faults/servers.md --table-title 'Tests against real servers' $(ARGS)

bench: $(VENV)/.development  ## every benchmark that runs on a CPU; each folder's README says what it measures
	for script in benchmarks/*/run.py; do echo "== $$script"; python "$$script" || exit 1; done

pictures: $(VENV)/.development  ## the pictures of the docs; the README's come from the last demo's report
	python docs/make_pictures.py
	python docs/make_annotator_pictures.py

format: $(VENV)/.development  ## format and mend what can be mended
	ruff format .
	ruff check --fix .

clean:  ## remove the environment and caches, never accord-data
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis *.egg-info
