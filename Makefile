# Everything sets itself up: `make up` starts the shop, `make test` runs every test.
DEVCTL := .venv/bin/devctl
PY := .venv/bin/python
WORKERS ?= 2
PYTEST_ARGS ?=
# What the shop promises over its routes: `make routes` asks it of a shop on PostgreSQL too, `make soak` everything.
ROUTES := $(addprefix tests/services/,test_orders.py test_outages.py test_authorization.py test_event_contracts.py \
  order/test_contract.py cart/test_api.py catalog/test_api.py payment/test_api.py notification/test_api.py)
RESOLVE := uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-emit-index-url \
  --no-emit-find-links --custom-compile-command "make lock"

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev up down demo traffic images test check unit routes e2e generate lock bench soak clean

help: ## show this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: ## make the environment only (.venv in this checkout)
	@scripts/setup

setup-dev:
	@scripts/setup dev

up: setup ## start the shop, print its addresses, return
	@$(DEVCTL) up -d

down: setup ## stop the shop
	@$(DEVCTL) down

demo: setup ## place an order and show how to follow it
	@$(PY) -m services.ops.demo

traffic: setup ## shoppers at work, as a service of the running shop
	@scripts/setup traffic
	@$(DEVCTL) up -d traffic

images: ## build the image of every service (needs Docker or Podman)
	@scripts/images

test: check unit routes e2e ## run every test

check: setup-dev ## lint, types, dead code, import contracts, generated files
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/mypy --platform darwin --cache-dir .mypy_cache/darwin devctl
	.venv/bin/vulture
	.venv/bin/lint-imports
	$(PY) -m scripts.generated --check

unit: setup-dev
	.venv/bin/pytest -o cache_dir=.pytest_cache/unit $(PYTEST_ARGS) -n $(WORKERS) --dist loadgroup tests --ignore tests/e2e

routes: setup-dev
	SHOP_DATABASE=postgres .venv/bin/pytest -o cache_dir=.pytest_cache/routes $(PYTEST_ARGS) $(ROUTES)

e2e: setup-dev
	.venv/bin/pytest -o cache_dir=.pytest_cache/e2e $(PYTEST_ARGS) tests/e2e

generate: setup-dev ## write the generated files again
	$(PY) -m scripts.generated --write

lock: ## resolve the pinned requirements again (needs uv)
	@command -v uv >/dev/null || { echo "lock: uv is not on the PATH; install it: python3 -m pip install uv" >&2; exit 3; }
	$(RESOLVE) pyproject.toml --extra containers --extra native --extra shop --extra smoke --extra tui --extra build -o requirements.lock
	$(RESOLVE) pyproject.toml --extra containers --extra native --extra shop --extra smoke --extra tui --extra build --extra dev -c requirements.lock -o requirements-dev.lock
	$(RESOLVE) pyproject.toml --extra shop -c requirements.lock -o requirements-shop.lock
	$(RESOLVE) --group traffic -o requirements-traffic.lock

bench: setup-dev ## measure devctl against floors of the same run (ONLY=why: this one alone)
	$(PY) -m bench $(ONLY)

soak: setup-dev ## the full counts of rounds, orders and spans
	DEVCTL_SOAK=1 .venv/bin/pytest --timeout 3600 tests/integration tests/e2e tests/tui $(addprefix tests/services/,test_fuzz.py test_frozen.py test_killed.py)
	SHOP_DATABASE=postgres .venv/bin/pytest -n $(WORKERS) --dist loadgroup tests/services

clean: ## stop the shop and its copies, delete what was made (the tool cache stays)
	@[ ! -x $(DEVCTL) ] || for copy in "" $(notdir $(wildcard .devctl/projects/*)); do \
	  $(DEVCTL) $${copy:+-p $$copy} down --volumes --yes || true; done
	rm -rf .venv .venv-traffic .devctl .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .grimp_cache .hypothesis
	find devctl services dashboards bench scripts tests -name __pycache__ -prune -exec rm -rf {} +
