# The README's two commands. PYTHON names the interpreter that makes the environment.
PYTHON ?= python3
VENV := .venv
# Those of `all` in pyproject.toml, which shipped recipes require.
PLUGINS := $(shell sed -n 's|^  "\(semreg-[a-z-]*\)>=.*|plugins/\1|p' pyproject.toml)
RECIPE ?= recipes/olr_celeba.toml
INSTALLED := $(VENV)/.installed

.PHONY: run test test-all

run: $(INSTALLED)
	$(VENV)/bin/semreg run $(RECIPE)

test: $(INSTALLED)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/pytest -n 2 -m "not slow"

# What takes long, or needs what the two commands don't install, besides.
test-all: test
	$(VENV)/bin/pip install --quiet --constraint constraints.txt --editable ".[notebook]"
	$(VENV)/bin/pytest -n 2 -m slow

$(INSTALLED): pyproject.toml constraints.txt $(PLUGINS:%=%/pyproject.toml)
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --constraint constraints.txt --editable ".[all,test]" $(PLUGINS:%=--editable %)
	touch $@
