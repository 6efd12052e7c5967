# Commands: make app starts the page, make class lets a class in, make test runs every test, make space tries it as a Space; each first makes the environment it needs.
PYTHON ?= python3
VENV ?= .venv
PY := $(VENV)/bin/python
TESTS ?= tests
SPACE := .cache/space
LENT_TORCH ?= 2.11.0

.PHONY: app class test space tree clean

app: $(VENV)/.app
	@$(PY) assets/install.py || true
	$(PY) app.py

class: $(VENV)/.app
	@$(PY) assets/install.py || true
	$(PY) app.py --class

test: $(VENV)/.test
	@$(PY) assets/install.py || test -z "$$CI"
	$(PY) -m pytest $(TESTS)

space: $(VENV)/.test $(SPACE)/.space  # run the page as a Hugging Face Space would: in an environment of its own, with a Space's variables
	@$(PY) assets/install.py || true
	$(PY) -m tests.space_check $(SPACE)/bin/python

tree: $(VENV)/.test  # write the file tree in the README again
	$(PY) -m tests.test_readme

clean:  # remove what the other targets made; runs and downloaded data stay
	rm -rf $(VENV) $(SPACE) assets/vendor

$(VENV)/.app: requirements.txt constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)) and "Latent Playground needs Python 3.11 or 3.12; name one with make PYTHON=python3.12.")'
	$(PY) -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements.txt -c constraints.txt
	@touch $@

$(VENV)/.test: $(VENV)/.app requirements-dev.txt requirements-diffusers.txt requirements-many.txt
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt -c constraints.txt
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps -r requirements-diffusers.txt -r requirements-many.txt
	@touch $@

$(SPACE)/.space: requirements.txt  # what a Space installs; torch as ZeroGPU has it
	$(PYTHON) -m venv --clear $(SPACE)
	$(SPACE)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt "torch==$(LENT_TORCH)" "gradio[oauth]" uvicorn spaces
	@touch $@
