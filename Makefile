# Six jobs, each a name for a part: serve, test, eval, bench, fuzz, lock.
PYTHON ?= python3
PORT   ?= 8000
CONFIG ?=
SEED   ?= 7
SET    ?=
VENV   := .venv
BIN    := $(VENV)/bin

.PHONY: serve test eval bench fuzz lock
.DELETE_ON_ERROR:

serve: $(VENV)/runtime.ok
	@exec $(BIN)/visus serve --port $(PORT) $(if $(CONFIG),--config $(CONFIG))

$(VENV)/bin/python:
	@echo "Making a virtual environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/runtime.ok: requirements/runtime.lock pyproject.toml | $(VENV)/bin/python
	@echo "Installing what Visus needs (pinned by hash)"
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: -r requirements/runtime.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/dev.ok: requirements/dev.lock $(VENV)/runtime.ok
	@echo "Installing what the tests need (pinned by hash)"
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: -r requirements/dev.lock
	@touch $@
