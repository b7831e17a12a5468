# One command to run the product, one to check it. CI calls these targets and nothing else.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

local_bin := target/debug/neipix-local
with_services := $(local_bin) with-services --

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## Install what the machine lacks: Postgres into .local/tools, Redis by apt
	@local/scripts/setup.sh

.PHONY: test
test: tidy test-unit test-it ## Run every check and suite

.PHONY: test-unit
test-unit: ## Test the pure parts: no database, no network
	cargo test --workspace --lib --bins

.PHONY: test-it
test-it: setup ## Test against private Postgres, Redis, S3 and a mailbox
	cargo build -p neipix-local
	$(with_services) cargo test --workspace --test '*'

.PHONY: tidy
tidy: ## Check format, lints, sizes, floors, words, licences and protos
	@local/tidy/tidy.sh
