.PHONY: all check test smoke format snapshots constraints

all: check test

check:  ## lint, formatting, types
	uv run ruff check
	uv run ruff format --check
	uv run pyright

test:  ## every test, with branch coverage
	uv run coverage run -m pytest
	uv run coverage report

smoke:  ## the base install alone: what an agent carries
	uv run --isolated --no-default-groups partywall --help

format:
	uv run ruff check --fix
	uv run ruff format

snapshots:  ## the decoder and the router as they are rendered now, for tests/test_rendered_sql.py
	PARTYWALL_SNAPSHOTS=write uv run pytest -q tests/test_rendered_sql.py

constraints:  ## the exact versions that were tested, without addresses
	uv pip compile pyproject.toml --all-extras --group dev --universal --no-header --no-annotate --no-emit-index-url --no-emit-package partywall --quiet --output-file constraints.txt
