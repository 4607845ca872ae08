# Every target sets up what it needs, in .venv; `make` alone lists them. GNU make 3.81 or newer, Python 3.11 or newer.

NEW_ENOUGH := -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
PYTHON ?= $(shell for each in python3 python3.13 python3.12 python3.11 python3.14; do \
	$$each $(NEW_ENOUGH) && echo $$each && break; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip -qq --no-input --disable-pip-version-check
RUNTIME := .venv/.runtime-installed
DEV := .venv/.dev-installed
UV_LOCK := $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --quiet

# A checkout that was moved, or a system with another Python than before, has a .venv that cannot work any more.
FITS := -S -c 'import sys; sys.exit("version = %d.%d." % sys.version_info[:2] not in open(".venv/pyvenv.cfg").read())' \
	2>/dev/null
ifneq ($(filter-out help,$(MAKECMDGOALS)),)
ifneq ($(shell test ! -e .venv/pyvenv.cfg || { $(BIN)/python $(FITS) && { test ! -e $(BIN)/huntarr || \
	grep -qF "$(CURDIR)/$(BIN)/python" $(BIN)/huntarr; }; } || echo stale),)
$(info The checkout was moved or Python is another one: .venv is set up anew.)
$(shell rm -rf .venv)
endif
endif

# Python 3.11 reads the path of the checkout, which .venv holds, in the encoding of the locale; in that of C, "ä" is fatal.
export LC_ALL := C.UTF-8

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup run demo test lint fmt bench fuzz chaos clients openapi migration lock

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

setup: $(RUNTIME) ## install what the service needs into .venv

run: $(RUNTIME) ## run the service (settings: HUNTARR_* variables, see README.md)
	@$(BIN)/huntarr serve

demo: $(RUNTIME) ## run the service with a simulated Sonarr, Radarr and Prowlarr, hunt, and watch a queue
	@$(BIN)/python -m scripts.demo $(ARGS)

test: $(DEV) ## run all tests (ARGS="tests/core -k lease" for some)
	@$(BIN)/python -m pytest --numprocesses 3 --dist worksteal $(ARGS)

lint: $(DEV) ## every check that is not a test (AUDIT=--may-skip where the vulnerability database cannot be reached)
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check . || { echo "Not formatted: run make fmt." >&2; exit 1; }
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/bandit --quiet --recursive --configfile pyproject.toml app worker
	@$(BIN)/python -m scripts.check_openapi
	@$(BIN)/python -m scripts.audit $(AUDIT) requirements/runtime.txt

fmt: $(DEV) ## format the code and fix what can be fixed
	@$(BIN)/ruff check --quiet --fix-only .
	@$(BIN)/ruff format --quiet .

bench: $(DEV) ## measure, beside the targets (ARGS=--quick for a short form)
	@$(BIN)/python -m scripts.bench $(ARGS)

fuzz: $(DEV) ## 10,000 requests made from openapi.json against a running service, some 15 minutes
	@$(BIN)/python -m scripts.fuzz $(ARGS)

chaos: $(DEV) ## kill, lock, fill and flush everything at random, with 100 runs of SIGKILL; about an hour
	@$(BIN)/python -m tests.chaos.kill $(ARGS)
	@$(BIN)/python -m tests.chaos.kill --database postgresql --runs 20
	@$(BIN)/python -m tests.chaos.faults
	@$(BIN)/python -m tests.chaos.faults --database postgresql
	@$(BIN)/python -m tests.chaos.hunts
	@WEEK_DAYS=7 $(BIN)/python -m pytest -q -n 0 tests/swaparr/test_week.py

clients: $(DEV) ## generate clients in four languages, compile them and try them; some minutes (ARGS="--only go" for one)
	@$(BIN)/python -m scripts.clients $(ARGS)

openapi: $(RUNTIME) ## write openapi.json anew
	@$(BIN)/huntarr openapi --write

migration: $(DEV) ## make a migration from the changed tables: make migration name="add hunt notes"
	@$(BIN)/python -m scripts.migration "$(name)"

lock: $(DEV) ## resolve the dependencies anew within pyproject.toml (ARGS=--upgrade for the newest ones)
	@$(UV_LOCK) --extra embedded --group build $(ARGS) --output-file requirements/runtime.txt
	@$(UV_LOCK) --group dev --constraint requirements/runtime.txt $(ARGS) --output-file requirements/dev.txt

$(BIN)/pip:
	@python="$(PYTHON)"; "$${python:-python3}" $(NEW_ENOUGH) || { echo \
		"Huntarr needs Python 3.11 or newer, and '$${python:-python3}' is older or not there." \
		"Name another: make PYTHON=/path/to/python3 $(MAKECMDGOALS)" >&2; exit 1; }; \
		"$${python:-python3}" -m venv .venv || { rm -rf .venv; echo \
		"Python cannot make a virtual environment here. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }

$(RUNTIME): requirements/runtime.txt pyproject.toml | $(BIN)/pip
	@echo "Installing what Huntarr needs into .venv (once) ..."
	@$(PIP) install --require-hashes --requirement requirements/runtime.txt
	@$(PIP) install --no-build-isolation --no-deps --editable .
	@touch $@

$(DEV): requirements/dev.txt $(RUNTIME)
	@echo "Installing what tests and checks need into .venv (once) ..."
	@$(PIP) install --require-hashes --requirement requirements/dev.txt
	@touch $@
