# One command to run the product, one to check it. CI calls these targets and nothing else.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.SECONDEXPANSION:

# The order of the targets of one call is a promise: checks come before suites.
.NOTPARALLEL:

# Where cargo puts what it builds.
built := $(or $(CARGO_TARGET_DIR),target)
debug_launcher := $(built)/debug/neipix-local
with_services := $(debug_launcher) with-services --

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## Install what the machine lacks: Postgres into .local/tools, Redis by apt
	@local/scripts/setup.sh

# The launcher as a person runs it. Make itself sees whether a source changed, so that a
# second start calls neither cargo nor the network. Folders stand among the sources:
# their time changes when a file goes.
PROFILE ?= fast
launcher := .local/bin/neipix-local
launcher_built := $(built)/$(if $(filter dev,$(PROFILE)),debug,$(PROFILE))/neipix-local
launcher_sources = Cargo.toml Cargo.lock $(shell find proto infra/mesh edge svc-* local -not -path '*/tests*')

$(launcher): $$(launcher_sources)
	cargo build --profile $(PROFILE) -p neipix-local
	@mkdir -p $(@D)
	@cp $(launcher_built) $@.next
	@mv $@.next $@

.PHONY: up
up: setup $(launcher) ## Run the whole product on this machine, with a demo workspace
	@$(launcher) up

.PHONY: test
test: setup tidy test-unit test-it test-api ## Run every check and suite

.PHONY: test-unit
test-unit: ## Test the pure parts: no database, no network
	cargo test --workspace --lib --bins

.PHONY: test-it
test-it: setup ## Test against private Postgres, Redis, S3 and a mailbox
	cargo build -p neipix-local
	$(with_services) cargo test --workspace --test '*'

.PHONY: test-api
test-api: setup ## Check the API from outside: OpenAPI document, generated clients, fuzzed calls
	@local/scripts/setup.sh api
	cargo build -p neipix-local -p neipix-tests --bins
	$(with_services) .local/venv/bin/python tests/api/check.py $(built)/debug/stage

.PHONY: tidy
tidy: ## Check format, lints, sizes, floors, words, licences and protos
	@local/tidy/tidy.sh
