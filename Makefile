# make app     start the dashboard on http://127.0.0.1:8501 (PORT=9000 for another port)
# make check   lint, types and the quick tests, in 3 minutes or less on 2 quiet cores
# make test    lint, types and all tests, browser tests included (PROCESSES=4 on a machine with more than 2 cores)
# make bench   the benchmarks in 10 minutes or less (FULL=1: the full form)
# make gpu     the tests that need a GPU, and a benchmark of ten minutes there
# make soak    20 visitors while runs train and two servers are killed (MINUTES=10); no run may be lost
# make format  format the code with ruff
# make lock    pin every package anew after a change of requirements*.txt
# Each first installs what it needs into .venv. PYTHON=python3.12 chooses the interpreter.

PYTHON ?= python3
PORT ?= 8501
MINUTES ?= 10
PROCESSES ?= 2
BIN := .venv/bin
# --no-compile saves a quarter of the installation; modules are compiled when they are imported.
# --no-deps: the locks name every package.
PIP := $(BIN)/python -m pip --disable-pip-version-check
PIP_INSTALL := $(PIP) install --no-compile --no-deps --require-hashes
# torch is installed first. With --require-hashes, pip prefers the wheel of the index to a local CPU build (find-links),
# so the wheel is downloaded without hashes and then checked. torch's CUDA build also needs requirements-cuda.lock.
define INSTALL_TORCH
	rm -rf .venv/torch && mkdir .venv/torch
	sed -n '/^torch==/,/[^\\]$$/p' requirements.lock >.venv/torch/lock
	$(PIP) download -q --no-deps -d .venv/torch $$(sed -n 's/^\(torch==[0-9.]*\).*/\1/p' requirements.lock)
	$(PIP_INSTALL) --no-index --find-links .venv/torch -r .venv/torch/lock
	rm -r .venv/torch
	if $(BIN)/python -c 'from importlib.metadata import requires; exit("nvidia" not in str(requires("torch")))'; \
	  then $(PIP_INSTALL) -r requirements-cuda.lock; fi
endef
# Many containers set this; every start would compile everything again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: app check test all-tests bench gpu soak lint format lock clean

app: .venv/app.installed
	$(BIN)/streamlit run app.py --server.port $(PORT)

# The tests of a file share servers, so they stay together. tests/conftest.py orders the files.
PYTEST := $(BIN)/python -m pytest -n $(PROCESSES) --dist loadfile --no-loadscope-reorder

check: lint
	$(PYTEST) -m "not browser and not slow"

# Lint beside the tests: mypy takes one core for most of a minute.
test: .venv/dev.installed
	@$(MAKE) --no-print-directory -j 2 lint all-tests

all-tests: .venv/dev.installed
	$(PYTEST)

bench: .venv/dev.installed
	$(BIN)/python -m benchmarks $(if $(FULL),--full,--short)

gpu: .venv/dev.installed
	$(BIN)/python -m pytest -m gpu
	$(BIN)/python -m benchmarks.gpu --full

soak: .venv/dev.installed
	$(BIN)/python -m benchmarks.load.soak --minutes $(MINUTES)

lint: .venv/dev.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

format: .venv/dev.installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock:
	.ci/lock

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis

.venv/app.installed: requirements.lock requirements-cuda.lock | $(BIN)/pip
	$(INSTALL_TORCH)
	$(PIP_INSTALL) -r requirements.lock
	@touch $@

# requirements-dev.lock holds all of requirements.lock, so one installation serves both.
.venv/dev.installed: requirements-dev.lock requirements-cuda.lock | $(BIN)/pip
	$(INSTALL_TORCH)
	$(PIP_INSTALL) -r requirements-dev.lock
	@touch .venv/app.installed $@

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14) and "Unfreeze needs Python 3.11, 3.12 or 3.13; name one: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
