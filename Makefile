# The README's two commands. PYTHON names the interpreter that makes the environment.
PYTHON ?= python3
VENV := .venv
# Those of `all` in pyproject.toml, which shipped recipes require.
PLUGINS := $(shell sed -n 's|^  "\(semreg-[a-z-]*\)>=.*|plugins/\1|p' pyproject.toml)
RECIPE ?= recipes/olr_celeba.toml
INSTALLED := $(VENV)/.installed

MLFLOW := $(VENV)/mlflow

.PHONY: run test test-all test-mlflow

run: $(INSTALLED)
	$(VENV)/bin/semreg run $(RECIPE)

test: $(INSTALLED)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/pytest -n 2 -m "not slow"

# What takes long, or needs what the two commands don't install, besides.
test-all: test test-mlflow
	$(VENV)/bin/pip install --quiet --constraint constraints.txt --editable ".[notebook]"
	$(VENV)/bin/pytest -n 2 -m slow

# A plugin that the two commands don't install, in an environment of its own above $(VENV).
test-mlflow: $(INSTALLED)
	$(VENV)/bin/python -m venv --without-pip $(MLFLOW)
	$(VENV)/bin/python -c "import sysconfig; print('import site; site.addsitedir(%r)' % sysconfig.get_path('purelib'))" \
		> $$($(MLFLOW)/bin/python -c "import sysconfig; print(sysconfig.get_path('purelib'))")/above.pth
	$(VENV)/bin/pip --python $(MLFLOW)/bin/python install --quiet --constraint constraints.txt \
		--editable "plugins/semreg-mlflow[database]"
	$(MLFLOW)/bin/python -m pytest plugins/semreg-mlflow

$(INSTALLED): pyproject.toml constraints.txt $(PLUGINS:%=%/pyproject.toml)
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --constraint constraints.txt --editable ".[all,test]" $(PLUGINS:%=--editable %)
	touch $@
