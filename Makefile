# Everything a person runs. `make help` lists it; the first target that needs Python makes .venv by itself.
.DEFAULT_GOAL := help
SHELL := /bin/bash
BIN := .venv/bin
UV_VERSION := 0.13.9
PORT ?= 8787
STAGE ?= default
SEEDS ?= 20000
FROM ?= 0
HISTORIES ?= 5000
export SAM_CLI_TELEMETRY := 0
# pip trusts what this machine trusts; uv too, then, or a company's proxy stops it half-way.
export UV_SYSTEM_CERTS := 1

.PHONY: help dev reset test simulate simulate-lives check build deploy bench browsers lock clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

dev: .venv/.synced  ## run everything on this machine and print how to use it (PORT=8787)
	@$(BIN)/python -m dev --port="$(PORT)"

reset: .venv/.synced  ## forget the data of `make dev`
	@$(BIN)/python -m dev reset

test: .venv/.synced  ## run all tests (ARGS="-k name" to choose)
	@echo "Testing"
	@$(BIN)/python -m pytest $(ARGS)

simulate: .venv/.synced  ## live through histories full of failures (SEEDS=20000 FROM=0; SEEDS=1000000 for a night)
	@$(BIN)/python -m tests.simulation --seeds=$(SEEDS) --from=$(FROM)

simulate-lives: .venv/.synced  ## live through random histories of campaigns and flows (HISTORIES=5000)
	@$(BIN)/python -m tests.simulation.lives --histories=$(HISTORIES)

check: .venv/.synced  ## format, lint, types, import rules, template, lock, support table, build
	@echo "Format and lint"
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@echo "Types"
	@$(BIN)/mypy --no-error-summary
	@echo "Import rules"
	@$(BIN)/lint-imports > .venv/lint-imports.log 2>&1 || { cat .venv/lint-imports.log; exit 1; }
	@echo "Template"
	@$(BIN)/cfn-lint template.yaml
	@$(BIN)/sam validate --lint > .venv/sam-validate.log 2>&1 || { cat .venv/sam-validate.log; exit 1; }
	@echo "Lock"
	@$(BIN)/uv lock --check --quiet
	@$(BIN)/uv export $(EXPORT) --output-file .venv/requirements.txt > /dev/null
	@cmp -s .venv/requirements.txt $(REQUIREMENTS) || { echo "$(REQUIREMENTS) is not what uv.lock says: run 'make lock'." >&2; exit 1; }
	@echo "Support table"
	@$(BIN)/python -m dev.support_table --check
	@echo "Build"
	@$(BIN)/python -m dev build --stage $(STAGE)

build: .venv/.synced  ## build for AWS, without Docker (STAGE names the section of samconfig.toml)
	@echo "Building"
	@$(BIN)/python -m dev build --stage $(STAGE)

deploy: build  ## build and deploy to your AWS account (STAGE=staging, STAGE=prod)
	@echo "Deploying"
	@$(BIN)/sam deploy --config-env $(STAGE)

bench: .venv/.synced  ## measure speed, memory and cost, side by side with other libraries (Debian, Ubuntu; 6 minutes, ARGS=--quick: 1)
	@$(BIN)/python -m tests.bench $(ARGS)

browsers:  ## install what the tests drive: browsers, and what runs the examples (Debian, Ubuntu)
	@missing=""; \
	{ command -v firefox-esr || command -v firefox; } > /dev/null || missing="$$missing firefox-esr"; \
	! command -v ldconfig > /dev/null || ldconfig -p | grep -q libnotify.so.4 || missing="$$missing libnotify4"; \
	command -v chromium > /dev/null || missing="$$missing chromium chromium-sandbox"; \
	command -v dbus-daemon > /dev/null || missing="$$missing dbus-daemon"; \
	command -v curl > /dev/null || missing="$$missing curl"; \
	command -v node > /dev/null || missing="$$missing nodejs"; \
	command -v go > /dev/null || missing="$$missing golang-go"; \
	if [ -z "$$missing" ]; then \
		echo "Firefox, Chromium, curl, Node.js and Go are installed"; \
	elif ! command -v apt-get > /dev/null; then \
		echo "This installs by apt-get only: install Firefox, Chromium, D-Bus, curl, Node.js and Go by hand, so that" \
			"'firefox' or 'firefox-esr', 'chromium', 'dbus-daemon', 'curl', 'node' and 'go' run." >&2; exit 1; \
	elif [ "$$(id -u)" != 0 ] && ! command -v sudo > /dev/null; then \
		echo "Installing takes root: run 'apt-get install$$missing' as root." >&2; exit 1; \
	else \
		echo "Installing$$missing"; \
		root=""; [ "$$(id -u)" = 0 ] || root=sudo; \
		$$root apt-get update -qq < /dev/null && \
		$$root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing \
			< /dev/null > /dev/null || { echo "apt-get could not install$$missing." >&2; exit 1; }; \
	fi

lock: .venv/.synced  ## resolve the dependencies anew and write what the layer installs
	@echo "Resolving"
	@$(BIN)/uv lock --quiet
	@$(BIN)/uv export $(EXPORT) --output-file $(REQUIREMENTS) > /dev/null

clean:  ## remove what was built; the data of `make dev` stays
	@echo "Cleaning"
	@rm -rf .aws-sam .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find functions shared dev tests -name __pycache__ -type d -prune -exec rm -rf {} +

REQUIREMENTS := layers/dependencies/requirements.txt
EXPORT := --quiet --frozen --no-dev --no-emit-project --no-header --no-annotate --format requirements-txt

HAS_UV = $(BIN)/uv --version 2> /dev/null | grep -q "^uv $(UV_VERSION)"

# Interpreters are tried by running them: a version manager's shim may exist without what it points to.
# A .venv without pip and uv is what an attempt left that failed half-way.
.venv/.synced: pyproject.toml uv.lock
	@if ! { $(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null && \
		{ $(HAS_UV) || $(BIN)/python -c 'import pip' 2> /dev/null; }; }; then \
		for candidate in python3.13 python3.12 python3.11 python3; do \
			if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null; then found="$$candidate"; break; fi; \
		done; \
		if [ -z "$$found" ]; then echo "Tocsin needs Python 3.11 or newer: install it so that 'python3' runs it." >&2; exit 1; fi; \
		echo "Making .venv with $$found"; \
		"$$found" -m venv --clear .venv > /dev/null || \
			{ rm -rf .venv; echo "$$found cannot make a .venv: install its venv module ('apt-get install python3-venv' on Debian)." >&2; \
			exit 1; }; \
	fi
	@$(HAS_UV) || { echo "Installing uv $(UV_VERSION)"; \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION); }
	@echo "Installing the locked packages into .venv"
	@$(BIN)/uv sync --frozen --quiet
	@touch $@
