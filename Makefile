# The README's two commands. PYTHON names the interpreter that makes the environment.
PYTHON ?= python3
VENV := .venv
# Those of `all` in pyproject.toml, which shipped recipes require.
PLUGINS := $(shell sed -n 's|^  "\(semreg-[a-z-]*\)>=.*|plugins/\1|p' pyproject.toml)
RECIPE ?= recipes/olr_celeba.toml
INSTALLED := $(VENV)/.installed

# Those that the two commands don't install, each with what its tests need.
OPTIONAL := semreg-mlflow[database] semreg-hf semreg-ray semreg-slurm semreg-optuna semreg-metric-learning semreg-factors[shapes3d]
ABOVE := $(VENV)/optional
LOWEST := $(VENV)/lowest

.PHONY: run test test-all test-optional test-lowest coverage zoo docs

run: $(INSTALLED)
	$(VENV)/bin/semreg run $(RECIPE)

test: $(INSTALLED)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/pytest -n 2 -m "not slow"

# What takes long, or needs what the two commands don't install, besides.
test-all: test test-optional
	$(VENV)/bin/pip install --quiet --constraint constraints.txt --editable ".[browser,docs,notebook,onnx]"
	$(VENV)/bin/pytest -n 2 -m slow

# Their tests, in an environment of its own above $(VENV).
test-optional: $(INSTALLED)
	$(VENV)/bin/python -m venv --without-pip $(ABOVE)
	$(VENV)/bin/python -c "import sysconfig; print('import site; site.addsitedir(%r)' % sysconfig.get_path('purelib'))" \
		> $$($(ABOVE)/bin/python -c "import sysconfig; print(sysconfig.get_path('purelib'))")/above.pth
	$(VENV)/bin/pip --python $(ABOVE)/bin/python install --quiet --constraint constraints.txt \
		$(OPTIONAL:%=--editable "plugins/%")
	$(ABOVE)/bin/python -m pytest $(foreach one,$(OPTIONAL),plugins/$(firstword $(subst [, ,$(one))))

# Which lines of semreg and its plugins the tests of `make test` run.
coverage: $(INSTALLED)
	$(VENV)/bin/pip install --quiet --constraint constraints.txt --editable ".[coverage]"
	$(VENV)/bin/pytest -n 2 -m "not slow" --cov --cov-report=term:skip-covered

# The tests of the rooms that other libraries reach into, at the lowest versions that each pyproject.toml allows.
test-lowest: $(INSTALLED)
	$(PYTHON) -m venv $(LOWEST)
	$(VENV)/bin/python -m tests.lowest > $(LOWEST)/constraints.txt
	$(LOWEST)/bin/pip install --quiet --constraint $(LOWEST)/constraints.txt --editable ".[all,test]" $(PLUGINS:%=--editable %)
	$(LOWEST)/bin/python -m pytest -m "not slow" tests/core tests/store tests/recipe tests/components

# The documentation as a site, which asks no other host for anything: build/site/index.html.
docs: $(INSTALLED)
	$(VENV)/bin/pip install --quiet --constraint constraints.txt --editable ".[docs]"
	$(VENV)/bin/python -m website

# The trained runs that travel with semreg, as `zoo:NAME`; one whose folder is removed is made anew, the others stay.
zoo: semreg/zoo/olr_faces semreg/zoo/atnl_gm_digits

semreg/zoo/%: | $(INSTALLED)
	run=$$($(VENV)/bin/semreg run recipes/zoo/$*.toml --threads 1 --device cpu | sed -n 's|^report: \(.*\)/report.html$$|\1|p') && \
		$(VENV)/bin/semreg export "$$run" --out $@ --half --license mit

$(INSTALLED): pyproject.toml constraints.txt $(PLUGINS:%=%/pyproject.toml)
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --constraint constraints.txt --editable ".[all,test]" $(PLUGINS:%=--editable %)
	touch $@
