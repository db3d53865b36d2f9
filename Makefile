# make app     start the dashboard on http://127.0.0.1:8501 (PORT=9000 for another port)
# make test    lint, types and all tests, browser tests included
# make bench   the benchmarks in 10 minutes or less (FULL=1: the full form)
# make soak    20 visitors while runs train and the server is killed (MINUTES=10); no run may be lost
# make format  format the code with ruff
# Each first installs what it needs into .venv. PYTHON=python3.12 chooses the interpreter.

PYTHON ?= python3
PORT ?= 8501
MINUTES ?= 10
BIN := .venv/bin
# --no-compile saves a quarter of the installation; modules are compiled when they are imported.
PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --no-compile
# Many containers set this; every start would compile everything again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: app test bench soak lint format clean

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

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis

.venv/app.installed: requirements.txt | $(BIN)/pip
	$(PIP_INSTALL) -r requirements.txt
	@touch $@

# requirements-dev.txt includes the others, so one installation serves both.
.venv/dev.installed: requirements.txt requirements-vectors.txt requirements-dev.txt | $(BIN)/pip
	$(PIP_INSTALL) -r requirements-dev.txt
	@touch .venv/app.installed $@

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Unfreeze needs Python 3.11 or newer; name one: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
