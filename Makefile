# Two commands are enough: `make demo` shows the pipeline at work, `make test` runs the tests.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
LOCK   ?= locks/spark40.txt
INPUT  ?=
DEMO   ?= .demo
PORT   ?= 8000
UI_PORT ?= 8501

LEFT_OUT := slow or s3 or cluster or connect
PINS   := $(BIN)/uv pip compile --quiet pyproject.toml -c $(LOCK) --no-header --no-annotate
# Databricks brings these, built for its own Spark.
BRINGS := numpy pandas pyarrow python-dateutil pytz scipy setuptools six tzdata

.DEFAULT_GOAL := help
.PHONY: help setup demo demo-ui serve screenshots test test-spark test-s3 test-cluster test-connect test-spark35 test-spark41 lane soak package lint clean check-python check-java

help: ## show what can be made
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.ready ## install everything into .venv

$(VENV)/.ready: $(LOCK) pyproject.toml | check-python
	@echo "setting up $(VENV) (once, a few minutes)"
	@$(PYTHON) -m venv $(VENV) || { echo "error: $(PYTHON) cannot make a virtual environment: install its venv module (python3-venv)" >&2; exit 2; }
	@$(BIN)/pip install --quiet --disable-pip-version-check uv
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --requirement $(LOCK)
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --config-settings editable_mode=compat --editable .
	@touch $@

check-python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "error: $(PYTHON) is $$($(PYTHON) --version 2>&1 | head -1): Python 3.11 or newer is needed; name one with make PYTHON=python3.11" >&2; exit 2; }

check-java: $(VENV)/.ready
	@$(BIN)/python -m abtest_lib.spark.java

demo: $(VENV)/.ready ## run the pipeline on generated traffic, or on your own events with INPUT=path
	@ABTEST=$(BIN)/abtest DEMO=$(DEMO) INPUT="$(INPUT)" sh scripts/demo.sh

serve: $(VENV)/.ready ## serve the demo's verdicts over HTTP (PORT=8000)
	@$(BIN)/abtest serve --lake $(DEMO)/lake --port $(PORT)

demo-ui: $(VENV)/.ready ## API and dashboard over the demo lake (PORT=8000, UI_PORT=8501)
	@ABTEST=$(BIN)/abtest DEMO=$(DEMO) INPUT= PORT=$(PORT) UI_PORT=$(UI_PORT) sh scripts/demo_ui.sh

screenshots: $(VENV)/.ready ## pictures of the dashboard over the demo lake, into docs/images
	@[ -d $(DEMO)/lake/ops ] || $(MAKE) --no-print-directory demo
	@$(BIN)/python scripts/screenshots.py --lake $(DEMO)/lake --registry $(DEMO)/events.registry.yaml --out docs/images

test: $(VENV)/.ready ## run the tests
	@$(BIN)/pytest -q
	@if command -v java >/dev/null || [ -n "$$JAVA_HOME" ]; then echo "a part of them on Spark"; \
		$(BIN)/pytest -q --engine spark -m "(both_engines or spark_only) and not ($(LEFT_OUT))"; \
		else echo "left out: the part on Spark, for there is no Java here"; fi

test-spark: $(VENV)/.ready check-java ## run on Spark all that make test runs on the embedded engine alone
	@$(BIN)/pytest -q --engine spark

test-s3: $(VENV)/.ready check-java .tools/bin/versitygw ## run the pipeline, the API and faults against an S3 server
	@$(BIN)/pytest -q -m s3 $(or $(TESTS),tests/s3)

.tools/bin/versitygw:
	@command -v go >/dev/null || { echo "error: no Go found on the PATH: the S3 server of the tests (versitygw) is built with it" >&2; exit 2; }
	@echo "building the S3 server of the tests (once, a minute)"
	@GOBIN=$(CURDIR)/.tools/bin GOFLAGS=-buildvcs=false go install github.com/versity/versitygw/cmd/versitygw@v1.8.0

soak: $(VENV)/.ready check-java ## kill runs at random instants and start many at once; hours, and it can be stopped and resumed
	@$(BIN)/python benchmarks/reliability/soak.py

test-connect: $(VENV)/.ready check-java ## run the pipeline against a Spark Connect server
	@$(BIN)/pytest -q --engine spark -m connect tests/connect

test-cluster: package check-java ## run the pipeline on a cluster of several processes, and kill some of them
	@$(BIN)/pytest -q --engine spark -m cluster tests/cluster
	@$(BIN)/pytest -q -m cluster tests/unit/test_package.py

test-spark35: ## run the Spark part of the tests on Spark 3.5
	@$(MAKE) --no-print-directory lane VENV=.venv35 LOCK=locks/spark35.txt

test-spark41: ## run the Spark part of the tests on Spark 4.1
	@$(MAKE) --no-print-directory lane VENV=.venv41 LOCK=locks/spark41.txt

lane: $(VENV)/.ready check-java
	@$(BIN)/pytest -q --engine spark tests/spark tests/jobs

package: $(VENV)/.ready ## build the wheel and the packed environment for clusters into dist/
	@$(BIN)/python scripts/package.py --lock $(LOCK)

lint: $(VENV)/.ready ## check style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@! command -v shellcheck >/dev/null || shellcheck spark-submit.sh scripts/*.sh .ci/run

.PHONY: requirements
requirements: $(VENV)/.ready ## write deploy/requirements/ from the lock, for services and Databricks
	@for service in api dashboard; do $(PINS) --python-version 3.11 --extra $$service -o deploy/requirements/$$service.txt; done
	@$(PINS) --python-version 3.12 --extra cluster $(foreach name,$(BRINGS),--no-emit-package $(name)) -o deploy/requirements/databricks.txt

clean: ## remove what the demo and the tools have made
	rm -rf $(DEMO) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
