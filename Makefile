# make app     start the dashboard on http://127.0.0.1:8501 (PORT=9000 for another port)
<<<<<<< HEAD
# make test    lint, types and all tests, browser tests included
# make bench   the benchmarks in 10 minutes or less (FULL=1: the full form)
# make soak    20 visitors while runs train and the server is killed (MINUTES=10); no run may be lost
# make format  format the code with ruff
# Each first installs what it needs into .venv. PYTHON=python3.12 chooses the interpreter.
=======
# make test    lint, types and all tests, those in a browser included
# make bench   the benchmarks in 10 minutes or less (FULL=1 for all there is)
# make soak    20 visitors while runs train and the server is killed: MINUTES=10 of it, and no run lost
# make format  let ruff put the code in order
# make lock    pin everything anew after a change of requirements*.txt
# Each installs what it needs into .venv once. PYTHON=python3.12 chooses the interpreter.
>>>>>>> c941f65 (Locks pin everything that gets installed, with hashes; make installs from them)

PYTHON ?= python3
PORT ?= 8501
MINUTES ?= 10
BIN := .venv/bin
<<<<<<< HEAD
# --no-compile saves a quarter of the installation; modules are compiled when they are imported.
PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --no-compile
# Many containers set this; every start would compile everything again.
=======
# --no-compile: Python compiles what is imported when it is, which saves a quarter of the install.
# --no-deps: the locks name everything.
PIP := $(BIN)/python -m pip --disable-pip-version-check
PIP_INSTALL := $(PIP) install --no-compile --no-deps --require-hashes
# torch goes first: where hashes are required pip prefers the index's wheel to a CPU build that lies at hand (pip's
# find-links), so it is fetched as pip would without hashes, and then checked. Its CUDA build needs the CUDA lock.
define INSTALL_TORCH
	rm -rf .venv/torch && mkdir .venv/torch
	sed -n '/^torch==/,/[^\\]$$/p' requirements.lock >.venv/torch/lock
	$(PIP) download -q --no-deps -d .venv/torch $$(sed -n 's/^\(torch==[0-9.]*\).*/\1/p' requirements.lock)
	$(PIP_INSTALL) --no-index --find-links .venv/torch -r .venv/torch/lock
	rm -r .venv/torch
	if $(BIN)/python -c 'from importlib.metadata import requires; exit("nvidia" not in str(requires("torch")))'; \
	  then $(PIP_INSTALL) -r requirements-cuda.lock; fi
endef
# With this set, as many containers have it, every start would compile everything again.
>>>>>>> c941f65 (Locks pin everything that gets installed, with hashes; make installs from them)
unexport PYTHONDONTWRITEBYTECODE

.PHONY: app test bench soak lint format lock clean

app: .venv/app.installed
	$(BIN)/streamlit run app.py --server.port $(PORT)

test: lint
	$(BIN)/python -m pytest

bench: .venv/dev.installed
	$(BIN)/python -m benchmarks $(if $(FULL),--full,--short)

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

<<<<<<< HEAD
# requirements-dev.txt includes the others, so one installation serves both.
.venv/dev.installed: requirements.txt requirements-vectors.txt requirements-dev.txt | $(BIN)/pip
	$(PIP_INSTALL) -r requirements-dev.txt
=======
# requirements-dev.lock holds all of requirements.lock, so one installation serves both.
.venv/dev.installed: requirements-dev.lock requirements-cuda.lock | $(BIN)/pip
	$(INSTALL_TORCH)
	$(PIP_INSTALL) -r requirements-dev.lock
>>>>>>> c941f65 (Locks pin everything that gets installed, with hashes; make installs from them)
	@touch .venv/app.installed $@

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14) and "Unfreeze needs Python 3.11, 3.12 or 3.13; name one: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
