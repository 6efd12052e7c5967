# Two commands: make app starts the page, make test runs every test; each first makes the environment it needs.
PYTHON ?= python3
VENV ?= .venv
PY := $(VENV)/bin/python
TESTS ?= tests

.PHONY: app test tree clean

app: $(VENV)/.app
	@$(PY) assets/install.py || true
	$(PY) app.py

test: $(VENV)/.test
	@$(PY) assets/install.py || test -z "$$CI"
	$(PY) -m pytest $(TESTS)

tree: $(VENV)/.test  # write the file tree in the README again
	$(PY) -m tests.test_readme

clean:  # remove what the other targets made; runs and downloaded data stay
	rm -rf $(VENV) assets/vendor

$(VENV)/.app: requirements.txt constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)) and "Latent Playground needs Python 3.11 or 3.12; name one with make PYTHON=python3.12.")'
	$(PY) -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements.txt -c constraints.txt
	@touch $@

$(VENV)/.test: $(VENV)/.app requirements-dev.txt
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt -c constraints.txt
	@touch $@
