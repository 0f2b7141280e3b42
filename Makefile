# Two commands: `make book` and `make test`. Both set themselves up in .venv.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
UNFINISHED := .venv/unfinished
BUILD := $(BIN)/jupyter-book build -W -n --keep-going --quiet
ALONE := singularities
CHAPTERS := $(notdir $(basename $(wildcard book/*.ipynb)))

.PHONY: book test html zip notebooks lab wheel browser installed outputs pages clean

# .venv is whole if it is finished or made by hand, run by the Python that made it, and of the one that PYTHON names, if
# somebody names one. What is not whole is begun again, so that 3.11 and 3.12 never mix in it.
minor = $(shell $(1) --version 2>&1 | sed -n 's/^Python \([0-9]*\.[0-9]*\).*/\1/p')
MADE := $(shell sed -n 's/^version[_a-z]* *= *\([0-9]*\.[0-9]*\).*/\1/p' .venv/pyvenv.cfg 2> /dev/null | head -1)
WANTED := $(if $(filter file,$(origin PYTHON)),$(MADE),$(call minor,$(PYTHON)))
WHOLE := $(if $(wildcard $(UNFINISHED)),,$(and $(MADE),$(filter $(MADE),$(WANTED)),$(filter $(MADE),$(call minor,$(BIN)/python))))
ifeq ($(WHOLE),)
.PHONY: $(READY)
endif

# Why PYTHON will not do, in a line; nothing where it will.
COMPLAINT = told=$$($(PYTHON) --version 2>&1 | sed -n 's/^Python [0-9]/&/p'); \
	minor=$$(echo "$$told" | sed -n 's/^Python \([0-9]*\.[0-9]*\).*/\1/p'); \
	case "$$minor" in \
	("") echo "PYTHON=$(PYTHON) does not run: install Python 3.11 or newer and name it, as in PYTHON=/path/to/python3.12"; exit;; \
	([0-2].*|3.[0-9]|3.10) echo "PYTHON=$(PYTHON) is $$told: install Python 3.11 or newer and name it, as in PYTHON=/path/to/python3.12"; exit;; \
	esac; \
	$(PYTHON) -c "import ensurepip, venv" 2> /dev/null || \
	{ echo "PYTHON=$(PYTHON) ($$told) has no venv or no ensurepip: install them (Debian: apt-get install python$$minor-venv)"; exit; }; \
	case "$$($(PYTHON) -c "import platform; print(platform.system(), platform.machine())")" in ("Darwin x86_64") \
	echo "PYTHON=$(PYTHON) is made for Intel Macs, torch no longer is: README.md says what to do there, under Your machine";; esac

refuse = $(if $(1),$(error $(1)))

$(READY): requirements.txt pyproject.toml
	@$(if $(WHOLE),,$(call refuse,$(shell $(COMPLAINT))))echo "Setting up .venv (some minutes, about 6 GB on Linux: torch brings its CUDA libraries) ..."
	@$(if $(WHOLE),:,rm -rf .venv && mkdir .venv && touch $(UNFINISHED) && { $(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }; })
	@touch $(UNFINISHED) && { $(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt || { \
	status=$$?; $(if $(WHOLE),[ $$status -gt 128 ] || rm $(UNFINISHED);) \
	echo "$$($(BIN)/python --version): pip did not finish .venv, its reason is above (tested: 3.11 to 3.13); the same command tries again" >&2; exit 1; }; }
	@rm $(UNFINISHED) && touch $@

# Run every chapter's live plan, execute copies of the chapters, render them, print the ledger.
# The status 1 of `judge` means that a verdict differs from the printed one: shown, not an error.
book: $(READY)
	@rm -rf _build/html _build/.doctrees _build/live _build/src && mkdir -p _build && cp -R book _build/live && cp -R src _build/src
	@$(BIN)/whyresnets judge --live > _build/ledger.txt || [ $$? -eq 1 ]
	@cd _build/live && ../../$(BIN)/jupyter execute --inplace $(CHAPTERS:=.ipynb) 2> ../execute.log || { cat ../execute.log; exit 1; }
	@$(BUILD) _build/live
	@cat _build/ledger.txt
	@echo "The book, with your own run in it: $(CURDIR)/_build/html/index.html"

# Render the committed outputs.
html: $(READY)
	@rm -rf _build/html _build/.doctrees
	@$(BUILD) book
	@echo "The book as committed: $(CURDIR)/_build/html/index.html"

# The committed book as one file, to be read without a network.
zip: html
	@rm -rf _build/why-residual-networks-train* && cp -R _build/html _build/why-residual-networks-train
	@cd _build && "$(CURDIR)/$(BIN)/python" -m zipfile -c why-residual-networks-train.zip why-residual-networks-train
	@rm -r _build/why-residual-networks-train
	@echo "The book in one file: $(CURDIR)/_build/why-residual-networks-train.zip"

# The chapters as notebooks for any front end; one that you have changed is kept.
notebooks: $(READY)
	@$(BIN)/python book/_ext/notebooks.py _build/notebooks
	@echo "The chapters as notebooks: $(CURDIR)/_build/notebooks"

# JupyterLab on them, with a kernel that has the library. It asks no other host whether it is new.
lab: notebooks
	@$(BIN)/python -m ipykernel install --sys-prefix --display-name "Why Residual Networks Train" > /dev/null
	@cd _build/notebooks && PATH="$(CURDIR)/$(BIN):$$PATH" JUPYTER_PREFER_ENV_PATH=1 jupyter lab \
	--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate $(LAB)

# The library, with its records.
wheel: $(READY)
	@rm -rf build _build/dist
	@$(BIN)/pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir _build/dist .
	@echo "The library: $$(ls "$(CURDIR)"/_build/dist/*.whl)"

# The rendered book in a real browser (Debian: apt-get install chromium); weekly.yml opens a chapter in JupyterLab, too.
browser: html
	@$(BIN)/python -m pytest --numprocesses=2 -m "not slow" tests/browser

# A chapter with the wheel alone, in a fresh environment and an empty folder.
installed: wheel
	@grep -E '^[a-z].*==' requirements.txt | sed 's/ *#.*//' > _build/pins.txt
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && $(BIN)/python book/_ext/notebooks.py "$$folder" && cd "$$folder" && \
	"$(CURDIR)/$(BIN)/python" -m venv fresh && \
	fresh/bin/pip install --quiet --disable-pip-version-check -c "$(CURDIR)/_build/pins.txt" "$$(ls "$(CURDIR)"/_build/dist/*.whl)[notebook]" && \
	WHYRESNETS_CACHE="$$folder/cache" fresh/bin/jupyter execute --inplace $(ALONE).ipynb && \
	fresh/bin/python -c "import whyresnets; assert '$$folder' in whyresnets.__file__, whyresnets.__file__" && \
	fresh/bin/whyresnets claims > /dev/null && echo "$(ALONE) runs from the wheel alone"

# Unit tests but the slow ones (weekly.yml runs those); the live plans in an empty cache; every chapter against that cache.
test: $(READY)
	@$(BIN)/ruff check --quiet && $(BIN)/ruff format --quiet --check
	@$(BIN)/python -m pytest --numprocesses=2 -m "not slow"
	@cache=$$(mktemp -d) && trap 'rm -rf "$$cache"' EXIT && export WHYRESNETS_CACHE="$$cache" && \
	$(BIN)/whyresnets judge --live && \
	$(BIN)/python -m pytest --nbval --nbval-current-env --nbval-cell-timeout=2000 $(CHAPTERS:%=book/%.ipynb)

# For authors: run the committed chapters again and keep their outputs.
outputs: $(READY)
	@cd book && ../$(BIN)/jupyter execute --inplace $(CHAPTERS:=.ipynb)

# For authors: write what is computed into the pages: ledger, citations, tables.
pages: $(READY)
	@$(BIN)/python book/_ext/pages.py

# What was built, but not the notebooks in which a reader may have written.
clean:
	rm -rf build $(filter-out _build/notebooks,$(wildcard _build/* _build/.[!.]*))
