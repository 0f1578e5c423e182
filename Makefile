# The commands a developer needs. `make help` lists them; every one does its own set-up.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
SERVING := tests/proofs/test_serving_proof.py tests/proofs/test_hostile_texts.py
EVOLVING := tests/proofs/test_evolution_proof.py tests/proofs/test_evolution_kills.py tests/proofs/test_simulation_proof.py
EGRESS := tests/proofs/test_egress_proof.py

.DEFAULT_GOAL := help
.PHONY: help demo simulate test check format prove prove-loop prove-serve prove-evolve prove-egress clean

help: ## list these commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

# Everything is pinned by constraints.txt, torch first: where a CPU build is at hand, pip then keeps it.
$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "endcloud needs Python 3.11 or newer; this is %d.%d: set PYTHON=python3.11 (or newer)." % sys.version_info[:2])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check torch==2.13.0 -c constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev,quantized]' -c constraints.txt
	@touch $@

demo: $(INSTALLED) ## the whole loop on this machine, on the bundled shop (about 5 minutes)
	$(BIN)/endcloud demo --shop demo-shop

simulate: $(INSTALLED) ## the drifting shop: five arms, three seeds, with and without online evolution
	$(BIN)/endcloud simulate --shop simulation-shop

test: check ## every check and every test (under 8 minutes on 2 cores)
	$(BIN)/python -m pytest -m "not proof" -n 2 --durations 15

check: $(INSTALLED) ## what CI runs before the tests: format, lint, types, import contracts
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(INSTALLED) ## put the code into the project's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix --quiet .

prove: prove-loop prove-serve prove-evolve prove-egress ## every long proof

prove-loop: $(INSTALLED) ## faults, kills and the whole loop, from dialogues to a scored end model (up to 30 minutes)
	$(BIN)/python -m pytest -m proof tests/proofs -v $(SERVING:%=--ignore %) $(EVOLVING:%=--ignore %) $(EGRESS:%=--ignore %)

prove-serve: $(INSTALLED) ## load, overload, kills, hostile requests and texts against the service (up to 15 minutes)
	$(BIN)/python -m pytest -m proof $(SERVING) -v -s
	$(BIN)/python benchmarks/serving.py

prove-evolve: $(INSTALLED) ## swaps, planted versions and candidates, kills, and a short simulation (up to 60 minutes)
	$(BIN)/python -m pytest -m proof $(EVOLVING) -v -s

prove-egress: $(INSTALLED) ## the whole product with personal items inside, every byte that leaves recorded (up to 30 minutes)
	$(BIN)/python -m pytest -m proof $(EGRESS) -v -s
	$(BIN)/python benchmarks/privacy.py --half unseen

clean: ## remove what the commands above made, except the shops
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
