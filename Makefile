# What a contributor types. Each target does its own set-up; a second run finds it done.
.DEFAULT_GOAL := help
.PHONY: help demo test test-all faults bench bench-fleet check format lock clean

VENV := .venv
PYTHON := $(VENV)/bin/python
# Written last: an interrupted set-up is done again.
READY := $(VENV)/.ready
SCRIPTS = $(shell find deployer tests -name '*.sh') $(wildcard scripts/*) .ci/run benchmarks/fleet/peers/issue
# For example: make test PYTEST_ARGS="-n 4 -k rollback"
PYTEST_ARGS :=
# How many workers `auto` is, tests/conftest.py says.
WORKERS := -n auto --dist worksteal
# For example: make lock LOCK_ARGS=--upgrade
LOCK_ARGS :=

RESOLVE = build/lock/bin/uv pip compile --quiet --universal --python-version 3.11 \
    --generate-hashes --no-emit-index-url --custom-compile-command "make lock" $(LOCK_ARGS)
# Apart from ours: it wants an older cryptography.
SSLYZE := tests/conformance/programs/sslyze

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /make \1\t/p' $(MAKEFILE_LIST) | expand -t 16

demo: $(READY)  ## a sandbox sshd and Apache on this computer, provisioned end to end
	@scripts/install-debian-packages demo
	@$(VENV)/bin/deployer demo

test: $(READY)  ## every test but the slow ones
	@scripts/install-debian-packages test
	$(PYTHON) -m pytest $(WORKERS) -m "not slow" $(PYTEST_ARGS)

test-all: $(READY)  ## every test
	@scripts/install-debian-packages test
	$(PYTHON) -m pytest $(WORKERS) $(PYTEST_ARGS)

faults: $(READY)  ## the tests of the fault matrix, and docs/faults.md from what became of them
	@scripts/install-debian-packages test
	@mkdir -p build
	$(PYTHON) -m pytest $(WORKERS) -m fault --fault-results build/faults.json $(PYTEST_ARGS); \
	    status=$$?; $(PYTHON) -m tests.faults.page build/faults.json && exit $$status

bench: bench-fleet  ## what books, files, inventories and runs cost, against bare libraries and Ansible
	@$(PYTHON) -m benchmarks.pki
	@$(PYTHON) -m benchmarks.render
	@$(PYTHON) -m benchmarks.inventory

# For example: make bench-fleet BENCH_ARGS="--hosts 5 --runs 1 --quick"
BENCH_ARGS :=
bench-fleet: $(READY)  ## runs over 20, 50 and 100 hosts, against `ssh host true`
	@$(PYTHON) -m benchmarks.fleet $(BENCH_ARGS)

check: $(READY)  ## format, lint, types, shell scripts
	$(PYTHON) -m ruff format --check
	$(PYTHON) -m ruff check
	$(PYTHON) -m mypy
	$(VENV)/bin/shellcheck $(SCRIPTS)

format: $(READY)  ## format the code and fix what can be fixed
	$(PYTHON) -m ruff format
	$(PYTHON) -m ruff check --fix

lock: $(READY)  ## resolve requirements.lock again from pyproject.toml, and what sslyze needs
	scripts/create-venv build/lock
	build/lock/bin/python -m pip --quiet install uv
	$(RESOLVE) --group dev --output-file requirements.lock pyproject.toml
	$(RESOLVE) --output-file $(SSLYZE).lock $(SSLYZE).in

clean:  ## remove everything that make made
	rm -rf $(VENV) build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find deployer tests -name __pycache__ -prune -exec rm -rf {} +

# The checkout itself is installed without dependencies: all of them are in the lock.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	    || scripts/create-venv $(VENV)
	@echo "installing requirements.lock into $(VENV)"
	@$(PYTHON) -m pip --quiet install --require-hashes --requirement requirements.lock
	@$(PYTHON) -m pip --quiet install --no-deps --no-build-isolation --editable .
	@touch $@
