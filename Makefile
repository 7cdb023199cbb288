# geo_risk: `make` or `make help` lists what can be done.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
CONFIG ?= configs/demo.yaml
STAMP := $(VENV)/.installed
STAMP_TEST := $(VENV)/.installed-test

# without bytecode every start would compile the package and the tests again: ten seconds a process
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test check fast lint types imports format faults real score sample notebook clean browsers postgres qgis

help: ## List the targets.
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

$(STAMP): pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(STAMP_TEST): pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test]'
	@touch $@ $(STAMP)

demo: $(STAMP) ## Install, run the demo county, print where the map is.
	$(BIN)/geo-risk run $(CONFIG)

score: $(STAMP) ## Compare the demo run with its truth.
	$(BIN)/geo-risk score outputs/demo data/sample/truth

test: $(STAMP_TEST) browsers postgres qgis ## Install with the test extras and run the whole suite.
	$(BIN)/python -m pytest -n auto --dist loadfile

check: $(STAMP_TEST) ## Format, lint, types, imports, fast tests: before every commit.
	@$(MAKE) --no-print-directory -j2 fast lint types imports

fast: $(STAMP_TEST) ## The tests that take no time, with few questions a property.
	$(BIN)/python -m pytest -q -x -n auto --dist loadfile --hypothesis-profile=check \
		--ignore=tests/browser --ignore=tests/faults --ignore=tests/golden \
		-m "not slow and not faults and not browser and not qgis and not real"

lint: $(STAMP_TEST) ## Style.
	$(BIN)/ruff format --check geo_risk tests pipelines
	$(BIN)/ruff check geo_risk tests pipelines

types: $(STAMP_TEST) ## Types.
	$(BIN)/mypy

imports: $(STAMP_TEST) ## Layers of the house.
	$(BIN)/lint-imports

format: $(STAMP_TEST) ## Format and mend what can be mended.
	$(BIN)/ruff format geo_risk tests pipelines
	$(BIN)/ruff check --fix geo_risk tests pipelines

faults: $(STAMP_TEST) ## Kill processes, fill a small disk.
	$(BIN)/python -m pytest -m faults

real: $(STAMP_TEST) ## Tests on real data; GEO_RISK_REAL names the folder.
	$(BIN)/python -m pytest -m real

sample: $(STAMP) ## Make the committed demo county again.
	$(BIN)/geo-risk sample data/sample --size 500 --seed 7

# Chromium and Chinese fonts for the browser tests, where this is root and apt-get is there.
browsers:
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && ! command -v chromium >/dev/null; then \
		(apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium fonts-noto-cjk) >/dev/null \
		|| echo "Chromium could not be installed; the browser tests will say so"; fi

# PostgreSQL with PostGIS for the tests of the register, which start a server of their own; where this is root and apt-get is there.
postgres:
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && ! ls /usr/share/postgresql/*/extension/postgis.control >/dev/null 2>&1; then \
		(apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq postgresql postgresql-postgis) >/dev/null \
		|| echo "PostgreSQL could not be installed; the tests of the register will say so"; fi

# QGIS for the tests of the register's forms, which edit a copy in a real one; where this is root and apt-get is there.
qgis:
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && ! /usr/bin/python3 -c 'import qgis.core' >/dev/null 2>&1; then \
		(apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-qgis qgis-providers) \
		>/dev/null || echo "QGIS could not be installed; the tests of the forms will say so"; fi

clean: ## Remove what runs and tests leave, but no data.
	rm -rf outputs build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
