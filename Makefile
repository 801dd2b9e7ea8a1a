# `make run` and `make test` set up a fresh machine; neither touches anything outside this folder.
PYTHON ?= python3
VENV := .venv
READY := $(VENV)/ready

export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export PIP_NO_CACHE_DIR := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export DVC_SITE_CACHE_DIR := $(CURDIR)/.dvc/tmp/isogloss/site
export DVC_NO_ANALYTICS := 1
export DO_NOT_TRACK := 1
# A run starts some fifty processes and the tests hundreds: none is to compile all modules anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test lint format schema setup lock clean

run: $(READY)
	@isogloss run

# The profile draws the same examples each time; plain `pytest` goes on searching for new ones. tests/conftest.py puts the
# files that take longest first. One thread each for the tests that run side by side: those of OpenMP and BLAS spin while
# they wait for a core.
test: $(READY)
	OMP_NUM_THREADS=1 pytest --hypothesis-profile=ci -n 2 --dist loadfile --no-loadscope-reorder

lint: $(READY)
	ruff check
	ruff format --check
	mypy

format: $(READY)
	ruff check --fix
	ruff format

# The form of every fairness.json, in docs/; a test says when it is out of date.
schema: $(READY)
	python -c "import json; from isogloss.judging import Document; \
		print(json.dumps(Document.model_json_schema(), indent=2))" > docs/document.schema.json

setup: $(READY)

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	pip install --quiet --requirement requirements.lock
	pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# Resolve anew into the one lock file. torch is held at the release that is tested, and triton at the one that torch's
# CUDA builds require; local build tags are dropped, so that the same file serves CPU and CUDA builds.
lock:
	rm -rf $(VENV)-lock
	$(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/pip install --quiet "setuptools>=77" torch==2.13.0 triton==3.7.1 prefect==3.8.8 ".[dev]"
	$(VENV)-lock/bin/pip freeze --all --exclude isogloss --exclude pip | \
		sed "s/+cpu$$//; s/^triton==.*/&; sys_platform == 'linux'/" > requirements.lock
	rm -rf $(VENV)-lock build

clean:
	rm -rf $(VENV) data models results cohorts/* reports checkpoints
