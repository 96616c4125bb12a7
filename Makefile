# README's two commands are `make demo` and `make test`; each sets everything up first.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint contract bench fuzz serve setup clean

setup: .venv/ready

# The lock pins every dependency by hash and names no registry; the project itself is installed in place.
.venv/ready: requirements.lock pyproject.toml
	@echo "设置环境 setting up .venv (first time only) ..." >&2
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup
	@$(BIN)/gateway demo $(ARGS)

test: setup
	@$(BIN)/python -m pytest -n auto --dist loadscope $(ARGS)

lint: setup
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

contract: setup
	@$(BIN)/python -m schemas.generate
	@$(BIN)/python -m gateway.contract

bench: setup
	@$(BIN)/python -m benches $(ARGS)

# Each target for SECONDS (60), by atheris where `pip install -e .[fuzz]` has put it; findings are kept in .fuzz/.
fuzz: setup
	@$(BIN)/python tests/fuzz/run.py --seconds $(or $(SECONDS),60) $(ARGS)

serve: setup
	@$(BIN)/gateway serve $(ARGS)

clean:
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache
