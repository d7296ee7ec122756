# The commands of this project. Everything is installed into .venv; `make run` is all a visitor needs.
#   make run     set up what is missing and start the page      make lint    formatting, lint, types
#   make setup   only set up                                    make bench   the benchmarks
#   make check   lint, types and the pure tests, in 2 minutes   make clean   remove .venv and caches
#   make test    lint, types and all tests
#   make screenshots   the README's pictures, from a real run
#   make record        records every schedule on this machine (assets/recordings)
#   make types         writes the browser’s types of what it is fed (checked with `tsc -p playground/ui/jsconfig.json`)
#   make adapter       trains the FAQ adapter anew (some minutes on two cores)
# PYTHON=/path/to/python chooses the Python that .venv is made with.

VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip install --disable-pip-version-check --no-input

# A stamp is as old as what it was made from, so a second run finds nothing to do.
STAMP_VENV := $(VENV)/.stamp-venv
STAMP_REQUIREMENTS := $(VENV)/.stamp-requirements
STAMP_MODEL := $(VENV)/.stamp-model
STAMP_TOOLS := $(VENV)/.stamp-tools

.PHONY: run setup check test lint bench screenshots record adapter types clean

run: setup
	@exec $(PY) app.py

setup: $(STAMP_MODEL)

$(STAMP_VENV):
	@sh tools/venv.sh $(VENV)
	@touch $@

$(STAMP_REQUIREMENTS): requirements.txt $(STAMP_VENV)
	@echo "Installing requirements; the first time this takes some minutes."
	@$(PIP) --requirement requirements.txt
	@touch $@

$(STAMP_MODEL): $(STAMP_REQUIREMENTS)
	@sh tools/model.sh $(PY)
	@touch $@

$(STAMP_TOOLS): pyproject.toml $(STAMP_REQUIREMENTS)
	@$(PY) -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['optional-dependencies']['dev'], sep='\n')" > $(VENV)/dev.txt
	@$(PIP) --quiet --requirement $(VENV)/dev.txt
	@touch $@

lint: $(STAMP_TOOLS)
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy
	$(VENV)/bin/lint-imports --no-cache

# Tests run in JOBS processes, a file in one of them; each has its own ports, folders, browser and torch thread.
JOBS := 2
PYTEST := $(PY) -m pytest --numprocesses $(JOBS)
# What needs Chromium, torch, the embedded model or pip.
IMPURE := tests/browser tests/gpu tests/worker tests/engines/test_client.py tests/models/test_hub.py tests/test_end_to_end.py tests/test_package.py tests/test_space.py

check: lint
	$(PYTEST) --dist worksteal $(IMPURE:%=--ignore=%)

test: setup lint
	@chromium=$$(sh tools/chromium.sh $(PY)) || exit 1; PLAYGROUND_TEST_CHROMIUM="$$chromium" $(PYTEST) --dist loadfile --durations 25

bench: setup $(STAMP_TOOLS)
	$(PY) -m tests.benchmarks

screenshots: setup $(STAMP_TOOLS)
	@chromium=$$(sh tools/chromium.sh $(PY)) || exit 1; PLAYGROUND_TEST_CHROMIUM="$$chromium" $(PY) tools/screenshots.py

record: setup
	$(PY) tools/record.py

adapter: setup
	$(PY) tools/train_faq.py

types: $(STAMP_REQUIREMENTS)
	$(PY) tools/browser_types.py

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build test-artifacts
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
