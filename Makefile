# Everything a newcomer, a developer and CI need. `make help` lists it.
# Nothing is asked of the machine but python3 (3.11 or newer, with venv), make and, for the Node.js samples, node and npm.
PYTHON ?= python3
PY := .venv/bin/python
STAGE ?= local
.DEFAULT_GOAL := help
.PHONY: help run up down dashboard status test test-deployed test-pythons test-boto3 test-auth check package deploy bootstrap rollback restore undeploy bench chaos demo-duplicates layer node clean-local audit lock least-privilege docs suite system lint types venv venv-dev venv-test venv-bench venv-audit venv-docs
MAKEFLAGS += --no-print-directory
export PYTHONUNBUFFERED := 1

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

run: venv ## from nothing to a real job's result: install, start, deploy, run, show
	@$(PY) -m infra.demo.run

up: venv ## start the local AWS and deploy the service; writes .local/once.env
	@$(PY) -m infra.local.service up

down: ## stop the local AWS; its state stays in .local/
	@$(PYTHON) -m infra.local.service down

dashboard: ## print a link that signs in to the local dashboard, once
	@$(PY) -m infra.demo.sign_in

status: ## is it running, and where
	@$(PYTHON) -m infra.local.service status

test: ## lint, types, and all tests, on a stack of their own
	@$(MAKE) -j 2 venv-test system
	@$(MAKE) lint
	@$(MAKE) -j 3 suite types docs

suite:
	@$(PY) -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(TESTS)

test-deployed: venv-dev ## the unit tests of what runs in Lambda, on the Python the functions are deployed with
	@$(PY) -m infra.operate.matrix deployed

test-pythons: venv-dev ## unit and machine tests on every Python of this machine, 3.11 or newer
	@$(PY) -m infra.operate.matrix pythons $(PYTHONS)

test-boto3: venv-dev ## the wrapper's tests on the oldest boto3 that Lambda may bring, and on the newest
	@$(PY) -m infra.operate.matrix boto3

test-auth: venv-dev ## the tests on the stack, with IAM enforced by the emulator
	@ONCE_TEST_AUTH=true $(PY) -m pytest tests/integration tests/scenarios tests/faults tests/compat \
		tests/infra/test_least_privilege.py

check: venv-dev ## the gate without the tests: ruff and mypy
	@$(MAKE) lint types

lint:
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .

types:
	@$(PY) -m mypy

package: venv ## STAGE=prod: the finished CloudFormation template in build/prod/, no AWS needed
	@$(PY) -m infra.ship.package $(STAGE)

deploy: venv ## STAGE=prod: to AWS, with your credentials
	@$(PY) -m infra.ship.deploy $(STAGE)

bootstrap: venv ## STAGE=prod: the master key and the first token, for a stack that was deployed from the template
	@$(PY) -m infra.ship.bootstrap $(STAGE)

rollback: venv ## STAGE=prod: what was deployed before, again; TO=CONTENT chooses
	@$(PY) -m infra.ship.rollback $(STAGE) $(TO)

restore: venv ## STAGE=prod AT=2026-01-31T12:00:00Z: runs as they were then; ONLY=RUN, OVER=true; AT=drop at the end
	@$(PY) -m infra.operate.restore --stage $(STAGE) $(if $(ONLY),--only $(ONLY)) $(if $(OVER),--over) $(AT)

undeploy: venv ## STAGE=prod: remove the stack; its data stays, unless DATA=delete
	@$(PY) -m infra.ship.undeploy $(STAGE) $(DATA)

bench: venv-bench ## the benchmarks, as ratios; docs/explanation/performance.md and docs/explanation/scale.md say what they mean
	@.local/bench/venv/bin/python -m bench.run $(BENCH)

mutants: venv-dev ## mistakes planted in the core: how many do the tests notice? SEED=n MINUTES=20 PATHS="…"
	@$(PY) -m tests.mutation $(if $(SEED),--seed $(SEED)) $(if $(MINUTES),--minutes $(MINUTES)) $(PATHS)

chaos: venv-dev ## RUNS=2000 runs, or a batch of BATCH=1000, while processes are killed: all end, none runs too often
	@$(PY) -m bench.$(if $(BATCH),chaos_batch $(BATCH),chaos $(RUNS))

demo-duplicates: venv-dev ## SDKs that fire one call 3 to 20 times, and once through us
	@$(PY) -m infra.demo.duplicates.run

layer: venv ## the library as a Lambda layer
	@$(PY) -m infra.ship.layer

node: venv ## the npm package, the plugin for sls, and the library as a Lambda layer for Node.js
	@$(PY) -m infra.node.build

audit: venv-audit ## known holes in dependencies, checkov, cfn-lint and SAM on the template, licences
	@$(PY) -m infra.ship.audit

lock: venv-audit ## requirements.lock anew from requirements.txt, with hashes
	@$(PY) -m infra.ship.libraries

least-privilege: venv-dev ## take each IAM statement away, one at a time, and see what fails (minutes)
	@$(PY) -m infra.operate.least_privilege

docs: venv-docs ## the documentation site in build/site; a broken link stops it
	@NO_MKDOCS_2_WARNING=1 .local/docs/bin/python -m mkdocs build --strict --quiet
	@echo "the documentation: build/site/index.html"

clean-local: down ## forget the local AWS and its data; the virtualenvs stay
	@$(PYTHON) -m infra.local.service forget

system:
	@$(PYTHON) -m infra.system_packages

venv:
	@$(PYTHON) -m infra.venvs run

venv-dev:
	@$(PYTHON) -m infra.venvs dev

venv-test:
	@$(PYTHON) -m infra.venvs test

venv-bench:
	@$(PYTHON) -m infra.venvs bench

venv-audit:
	@$(PYTHON) -m infra.venvs audit

venv-docs:
	@$(PYTHON) -m infra.venvs docs
