# One line a target; what there is to say about each is behind its name.
.DEFAULT_GOAL := help
.PHONY: help demo test unit lab bench bench-api bench-failover lint types fmt lock clean
bin := .venv/bin

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## see a failover, from nothing, in under a minute (APPLIANCE=bird: with BIRD)
	@scripts/setup && exec $(bin)/python demo/failover.py

test: ## everything, with the real daemons and SDKs (as root on Debian it installs them)
	@scripts/setup && scripts/testbed && exec scripts/test

unit: ## what needs no daemon and no server process: some minutes
	@scripts/setup && exec scripts/test unit

lab: ## two firewalls in network namespaces, with packets to follow (as root; routeserver lab down ends it)
	@scripts/setup && scripts/testbed && exec $(bin)/routeserver lab up firewall-pair

bench: ## BGP and BFD beside BIRD, FRR, GoBGP and OpenBGPD: some forty minutes, a table and the plot in docs/
	@scripts/setup && scripts/testbed && mkdir -p build && exec $(bin)/python -m benchmarks.routing --results build/routing.json --plot docs/routing.svg

bench-api: ## the API beside moto's server, from an environment of its own: a few minutes
	@scripts/setup && mkdir -p build && exec $(bin)/python -m benchmarks.api --results build/api.json

bench-failover: ## packets lost when an appliance fails, in each way, at 100 and 100,000 routes: as root, about an hour
	@scripts/setup && scripts/testbed && mkdir -p build && exec $(bin)/python -m benchmarks.failover --load 1000000 --results build/failover.json

lint: ## ruff: rules and format
	@scripts/setup && $(bin)/ruff check . && exec $(bin)/ruff format --check .

types: ## mypy, strict
	@scripts/setup && exec $(bin)/mypy

fmt: ## put the code in its format
	@scripts/setup && $(bin)/ruff check --fix-only --quiet . ; exec $(bin)/ruff format .

lock: ## rewrite requirements.lock from pyproject.toml (needs uv)
	@scripts/lock

clean: ## remove everything that was made here
	@rm -rf .venv build dist src/*.egg-info tests/contract/javascript/node_modules .mypy_cache .pytest_cache .ruff_cache .hypothesis && find src -name '*.so' -delete && find . -name __pycache__ -type d -prune -exec rm -rf {} +
