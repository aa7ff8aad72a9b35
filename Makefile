# Everything a developer or CI does. `make help` lists it.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
export SAM_CLI_TELEMETRY := 0
export PYTHONUNBUFFERED := 1
unexport PYTHONDONTWRITEBYTECODE

PYTHON_VERSION := 3.13
# A newcomer may have it on the path, from pyenv, or from uv.
PYTHON ?= $(shell for candidate in python$(PYTHON_VERSION) $$HOME/.pyenv/versions/$(PYTHON_VERSION).*/bin/python$(PYTHON_VERSION); do \
  "$$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null && command -v "$$candidate" && break; done)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SAM := .venv-sam/bin/sam
WORKERS ?= 2

.PHONY: help
help: ## Say what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

.PHONY: setup
setup: $(READY) ## Install everything that development needs (hashes checked)

$(READY): requirements/bootstrap.txt requirements/dev.txt
	@if [ -z "$(PYTHON)" ]; then \
	  echo "Python $(PYTHON_VERSION) is needed and was not found. Remedy: install it (your system's packages, pyenv or uv),"; \
	  echo "or say where it is: make $(or $(MAKECMDGOALS),setup) PYTHON=/path/to/python$(PYTHON_VERSION)"; exit 1; fi
	@$(PYTHON) local/doctor.py --no-python --no-ports
	@echo "Installing the development environment into $(VENV) ..."
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes --compile-bytecode requirements/dev.txt
	@printf '#!/bin/sh\nPYTHONPATH="%s/shared" exec "%s/$(BIN)/python" -m sesame "$$@"\n' "$(CURDIR)" "$(CURDIR)" > $(BIN)/sesame
	@chmod +x $(BIN)/sesame
	@touch $(READY)

.PHONY: run
run: $(READY) ## Start the local AWS, deploy, seed; the first time, play the story once
	@$(BIN)/python -m local up --demo-once

.PHONY: reset
reset: $(READY) ## Forget everything the local stack holds
	@$(BIN)/python -m local reset

.PHONY: demo
demo: $(READY) ## Play the story against the running stack; leaves PDFs and e-mails in .local/demo/; STORY=year: a whole year
	@$(BIN)/python -m local demo "$(STORY)"

# Files go to workers in the order of their names: the slow ones first, the short ones fill up the end.
.PHONY: test
test: $(READY) ## Unit, integration and end-to-end tests
	@$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

.PHONY: test-long
test-long: $(READY) ## The same with many more generated examples, and a file of 5,000 leases
	@command -v pdfsig > /dev/null || { echo "It asks pdfsig about seals: sudo apt-get install poppler-utils"; exit 1; }
	@HYPOTHESIS_PROFILE=long $(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m ""

.PHONY: check
check: $(READY) ## Format, lint, types, imports, template, drift of what is generated
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@report=$$(PYTHONPATH=shared $(BIN)/lint-imports --no-logo) || { echo "$$report"; exit 1; }
	@$(BIN)/cfn-lint template.yaml
	@$(BIN)/python docs/openapi.py --check
	@$(BIN)/python docs/states.py --check
	@$(BIN)/python shared/catalogues.py --check
	@echo "check: all good"

.PHONY: format
format: $(READY) ## Put the code in its format
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

.PHONY: openapi
openapi: $(READY) ## Write docs/openapi.json from the routes
	@$(BIN)/python docs/openapi.py

.PHONY: states
states: $(READY) ## Draw docs/states.md from the state tables of the domain
	@$(BIN)/python docs/states.py

.PHONY: catalogues
catalogues: $(READY) ## Bring the documents' translations up to date with the templates, and compile them
	@$(BIN)/python shared/catalogues.py

.PHONY: bench
bench: $(READY) ## Measure the budgets; figures go to docs/performance.md by hand
	@PYTHONPATH=shared $(BIN)/python -m tests.bench

.PHONY: timing
timing: $(READY) ## Whether known and unknown persons can be told apart by time; figures go to docs/security.md
	@PYTHONPATH=shared $(BIN)/python -m tests.bench.timing

.PHONY: build
build: $(READY) $(SAM) ## Build for AWS, prove each artefact complete, print sizes
	@PATH="$(abspath $(dir $(PYTHON))):$(abspath $(BIN)):$$PATH" $(SAM) validate --lint
	@PATH="$(abspath $(dir $(PYTHON))):$(abspath $(BIN)):$$PATH" $(SAM) build
	@$(BIN)/python layers/prove.py .aws-sam/build

$(SAM): requirements/sam.txt $(READY)
	@echo "Installing the SAM CLI into .venv-sam ..."
	@[ -x .venv-sam/bin/python ] || $(PYTHON) -m venv .venv-sam
	@$(BIN)/uv pip sync --quiet --python .venv-sam/bin/python --require-hashes requirements/sam.txt
	@touch $(SAM)

.PHONY: requirements
requirements: $(READY) ## Resolve the requirements anew, with hashes
	@for set in bootstrap runtime pdf seal dev sam; do \
	  $(BIN)/uv pip compile --quiet --no-header --no-emit-index-url --no-emit-find-links --generate-hashes \
	    --python-version $(PYTHON_VERSION) requirements/$$set.in -o requirements/$$set.txt; done
