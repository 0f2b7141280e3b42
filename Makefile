# Two commands: `make book` and `make test`. Both set themselves up in .venv.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
BUILD := $(BIN)/jupyter-book build --all -W -n --keep-going --quiet
CHAPTERS := $(notdir $(basename $(wildcard book/*.ipynb)))

.PHONY: book test html outputs pages clean

$(READY): requirements.txt pyproject.toml
	@echo "Setting up .venv (some minutes, about 6 GB: torch brings its CUDA libraries) ..."
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

# Run every chapter's live plan, execute copies of the chapters, render them, print the ledger.
# The status 1 of `judge` means that a verdict differs from the printed one: shown, not an error.
book: $(READY)
	@rm -rf _build/live _build/src && mkdir -p _build && cp -R book _build/live && cp -R src _build/src
	@$(BIN)/whyresnets judge --live > _build/ledger.txt || [ $$? -eq 1 ]
	@cd _build/live && ../../$(BIN)/jupyter execute --inplace $(CHAPTERS:=.ipynb) 2> ../execute.log || { cat ../execute.log; exit 1; }
	@$(BUILD) _build/live
	@cat _build/ledger.txt
	@echo "The book, with your own run in it: $(CURDIR)/_build/html/index.html"

# Render the committed outputs.
html: $(READY)
	@$(BUILD) book
	@echo "The book as committed: $(CURDIR)/_build/html/index.html"

# Unit tests; then the live plans in an empty cache; then every chapter against that cache.
test: $(READY)
	@$(BIN)/ruff check --quiet && $(BIN)/ruff format --quiet --check
	@$(BIN)/python -m pytest
	@cache=$$(mktemp -d) && trap 'rm -rf "$$cache"' EXIT && export WHYRESNETS_CACHE="$$cache" && \
	$(BIN)/whyresnets judge --live && \
	$(BIN)/python -m pytest --nbval --nbval-current-env --nbval-cell-timeout=2000 $(CHAPTERS:%=book/%.ipynb)

# For authors: run the committed chapters again and keep their outputs.
outputs: $(READY)
	@cd book && ../$(BIN)/jupyter execute --inplace $(CHAPTERS:=.ipynb)

# For authors: write what is computed into the pages: ledger, citations, tables.
pages: $(READY)
	@$(BIN)/python -m whyresnets.pages

clean:
	rm -rf _build
