# The few verbs of the project. `make demo` and `make test` need nothing but Python 3.11+, Go and (as root) apt.
SHELL := /bin/bash
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/reflex
UV    := $(CACHE)/uv/0.13.8/bin/uv
PY    := .venv/bin/python
export PYTHONDONTWRITEBYTECODE := 1

.DEFAULT_GOAL := help
.PHONY: help demo test lint unit bench down lock generate evaluate-models mutants

help: ## show this help
	@grep -hE '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 18

demo: .venv/ok ## a real SGLang pod on a real Kubernetes node, from nothing; leaves it running
	@$(PY) -m reflex_e2e.demo

test: .venv/ok ## lint, types and every test, those in the lab included
	@$(PY) -m reflex_e2e.ci

lint: .venv/ok ## format, lint, types and import rules only
	@$(PY) -m reflex_e2e.ci --only lint

unit: .venv/ok ## the tests that need no cluster (seconds)
	@$(PY) -m pytest -q tests/unit tests/property

bench: .venv/ok ## measure the operator with 100 and 500 models; writes docs/benchmarks (ARGS="--models 100")
	@PYTHONPATH=tests $(PY) -m bench $(ARGS)

mutants: .venv/ok ## break each invariant in a copy: does a test notice (ARGS="gate routes", ARGS="--only TEXT")
	@PYTHONPATH=tests $(PY) -m mutants $(ARGS)

evaluate-models: .venv/ok ## pass@1 of the bundled models, through the loop on the real engine
	@$(PY) -m reflex_tiny evaluate $(ARGS)

down: .venv/ok ## stop the lab and everything in it
	@e2e/lab/reflex-lab down

generate: .venv/ok ## CRDs and reference text from the models
	@PYTHONPATH=operator $(PY) -m reflex_api.crd --into manifests/crds --into charts/reflex/files/crds
	@PYTHONPATH=operator:services $(PY) -m reflex_bakeoff.schemas --into docs/schemas

lock: $(UV) ## lock requirements/*.in and the extras, with hashes
	@tools/lock $(UV)

$(UV):
	@tools/bootstrap-uv "$(CACHE)/uv/0.13.8" 0.13.8

.venv/ok: requirements/dev.txt pyproject.toml $(UV)
	@echo "python environment: .venv (from requirements/dev.txt)"
	@$(UV) venv --quiet --allow-existing --python python3 .venv
	@$(UV) pip sync --quiet --python .venv/bin/python --require-hashes requirements/dev.txt
	@tools/link-sources .venv
	@touch $@
