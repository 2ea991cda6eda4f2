# Every command of the project. `make` alone lists them.

VENV ?= .venv
PY := $(VENV)/bin/python
SECONDS ?= 20
PORT ?= 8000
PYTEST_ARGS ?=
WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help demo serve test lint format matrix bench screenshots services clean

help:
	@echo "make demo    drive real traffic at a shop, show what it logs (SECONDS=$(SECONDS))"
	@echo "make serve   keep the example shop open, to look at yourself (PORT=$(PORT))"
	@echo "make test    lint, types, layers and the whole suite (PYTEST_ARGS=\"-k word\", WORKERS=$(WORKERS))"
	@echo "make lint    the same without the suite"
	@echo "make format  let ruff put the code in order"
	@echo "make matrix  the suite against the wheel, on every Python and Django"
	@echo "make bench   measure against the peers"
	@echo "make screenshots"
	@echo "             take the pictures of docs/screenshots anew"
	@echo "make clean   remove what these commands have made"

demo:
	@scripts/make-venv $(VENV) demo
	@cd examples/shop && $(abspath $(PY)) -m demo --seconds $(SECONDS)

serve:
	@scripts/make-venv $(VENV) demo
	@cd examples/shop && exec $(abspath $(PY)) -m demo serve --port $(PORT)

lint:
	@scripts/make-venv $(VENV) dev
	$(PY) -m ruff check
	$(PY) -m ruff format --check
	$(PY) -m mypy
	$(VENV)/bin/lint-imports

test: lint services
	$(PY) -m pytest -n $(WORKERS) --dist worksteal $(PYTEST_ARGS)

services:
	@scripts/install-test-services || true

format:
	@scripts/make-venv $(VENV) dev
	$(PY) -m ruff check --fix
	$(PY) -m ruff format

matrix: services
	@scripts/make-venv $(VENV) dev
	$(PY) -m nox

bench:
	@scripts/make-venv $(VENV) bench
	$(PY) benchmarks/run.py

screenshots: services
	@scripts/make-venv $(VENV) dev
	$(PY) scripts/screenshots.py

clean:
	rm -rf $(VENV) .nox dist build logs examples/shop/logs .coverage .hypothesis
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache examples/shop/.ruff_cache
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +
