# Every target that people use has a line of help behind "##".
.DEFAULT_GOAL := help
SHELL := /bin/bash

PYTHON ?= $(or $(shell command -v python3.11),python3)
VENV := .venv
BIN := $(VENV)/bin
CONFIG ?= configs/bipedal_walker.yaml
PORT ?= 8000

.PHONY: help setup train test bench-throughput bench-minitaur check format lock clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

setup: $(VENV)/.ready ## Build .venv from the hashed lock

$(VENV)/.ready: requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

train: setup ## Train CONFIG=configs/bipedal_walker.yaml with WORKERS=cores over HTTP, on PORT=8000
	@exec $(BIN)/seedcast train "$(CONFIG)" $(if $(WORKERS),--workers $(WORKERS)) --port $(PORT)

test: setup ## Run the tests
	$(BIN)/pytest

bench-throughput: setup ## Measure env-steps/s: in process, through HTTP, and the Gymnasium baseline (ROUNDS=5)
	$(BIN)/python -W ignore -m benchmarks.throughput --rounds $(or $(ROUNDS),5)

bench-minitaur: setup ## Measure the Minitaur's steps/s beside pybullet_envs' own
	$(BIN)/python -W ignore -m benchmarks.minitaur

check: setup ## Lint and type-check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/seedcast validate configs/*.yaml

format: setup ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: ## Resolve requirements.lock anew (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --all-extras pyproject.toml -o requirements.lock

clean: ## Remove what the other targets made, but not runs/
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis
