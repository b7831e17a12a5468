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
	@BUILT=$(wildcard $(launcher)) local/scripts/setup.sh

# The launcher as a person runs it. Make itself sees whether a source changed, so that a
# second start calls neither cargo nor the network. Folders stand among the sources:
# their time changes when a file goes.
PROFILE ?= fast
launcher := .local/bin/$(PROFILE)/neipix-local
launcher_sources = Cargo.toml Cargo.lock $(shell find proto infra/mesh edge svc-* local -not -path '*/tests*')

# PROFILE=release is what serves customers: optimised as a whole, by what turns were seen to run (docs/adr/0011).
host = $(shell rustc -vV | sed -n 's/^host: //p')
# Another record has another name: cargo looks at names only.
recorded := .local/pgo/$(shell sha256sum local/pgo/neipix.profdata.gz | cut -c1-16).profdata
by_profile = CARGO_ENCODED_RUSTFLAGS=-Cprofile-use='$(CURDIR)/$(recorded)' cargo build --release --target $(host)
is_release = $(filter release,$(PROFILE))
build = $(if $(is_release),$(by_profile),cargo build --profile $(PROFILE))
programs = $(built)/$(if $(is_release),$(host)/release,$(if $(filter dev,$(PROFILE)),debug,$(PROFILE)))

$(recorded): local/pgo/neipix.profdata.gz
	@mkdir -p $(@D)
	@rm -f $(@D)/*.profdata
	@gzip -dc $< >$@.next
	@mv $@.next $@

$(launcher): $$(launcher_sources) $$(if $$(is_release),$(recorded))
	$(build) -p neipix-local
	@mkdir -p $(@D)
	@cp $(programs)/neipix-local $@.next
	@mv $@.next $@

# Built anew only where a source changed; served by whoever is told where they lie.
web_dist := $(CURDIR)/web/dist
with_web = WEB_DIR=$(web_dist)

.PHONY: web
web: ## Build the web apps into web/dist; installs Node where there is none
	@local/scripts/web.sh

.PHONY: up
up: setup web $(launcher) ## Run the whole product on this machine, with a demo workspace
	@$(with_web) $(launcher) up $(if $(DISPLAY)$(WAYLAND_DISPLAY),--open)

# As production runs it: every service is a program of its own.
processes := neipix-local neipix-edge svc-auth svc-assistants svc-billing svc-chats svc-admin

.PHONY: mesh
mesh: setup $(recorded) web ## Run it as in production: two processes of each service, two edges, mTLS
	$(build) $(addprefix -p ,$(processes))
	@$(with_web) $(programs)/neipix-local mesh

.PHONY: release
release: PROFILE = release
release: setup $(recorded) web ## Build what serves customers, and say where it lies
	$(build) $(addprefix -p ,$(processes))
	@echo "release: $(programs), WEB_DIR=$(web_dist)"

# After a change of what a turn runs, and after a new compiler: an older record does no harm, but helps less.
.PHONY: pgo
pgo: counting = $(bench_dir)/pgo-target/$(host)/release
pgo: setup ## Record anew, for release builds, what turns run: local/pgo/neipix.profdata.gz
	@local/scripts/setup.sh pgo
	cargo build --release --manifest-path tests/bench/Cargo.toml --target-dir $(bench_dir)/target -p load -p upstream
	CARGO_ENCODED_RUSTFLAGS=-Cprofile-generate='$(bench_dir)/pgo-raw' cargo build --release --target $(host) --target-dir $(bench_dir)/pgo-target -p neipix-local
	@LAUNCHER=$(counting)/neipix-local PROGRAMS=$(counting) RUN=pgo.sh tests/bench/bench.sh

.PHONY: test
test: setup ## Run every check and suite, and say how long each took
	@local/scripts/suites.sh checks=tidy build=build-tests Rust=test-unit web=test-web Rust=test-it faults=test-faults contract=test-api

.PHONY: build-tests
build-tests:
	cargo build --workspace --bins --tests

.PHONY: test-unit
test-unit: ## Test the pure parts: no database, no network
	cargo test --workspace --lib --bins

# Suites that kill, cut and starve what they test; every other one is found by its folder.
faults := mesh promises
suites = $(sort $(notdir $(patsubst %/main.rs,%,$(wildcard */tests/*/main.rs */*/tests/*/main.rs))))

.PHONY: test-it
test-it: setup build-tests ## Test against private Postgres, Redis, S3 and a mailbox
	$(with_services) cargo test --workspace $(addprefix --test ,$(filter-out $(faults),$(suites)))

.PHONY: test-faults
test-faults: setup build-tests ## Test what holds when processes die, servers go and disks fill
	$(with_services) cargo test --workspace $(addprefix --test ,$(faults))

.PHONY: schema
schema: setup ## Print each service's schema.rs from its migrated database
	cargo build -p neipix-local
	NEIPIX_TEST_WRITE_SCHEMA=1 $(with_services) cargo test -q -p neipix-local --test it schema_rs

# A run prints its seed; the same seed gives the same blows in the same order.
.PHONY: faults
faults: setup ## Kill, pause and restart processes for MINUTES (60), from SEED
	cargo build --workspace --bins --tests
	NEIPIX_TEST_SEED=$(SEED) NEIPIX_TEST_MINUTES=$(or $(MINUTES),60) cargo test --workspace --test mesh -- --ignored --nocapture kills_
	$(with_services) cargo test --workspace --test attacks --test journeys --test rights -- --ignored

.PHONY: docs
docs: ## Write docs/trust.md anew from the tests
	cargo run -q -p neipix-tests --bin trust_report

.PHONY: test-api
test-api: setup ## Check the API from outside: OpenAPI document, generated clients, fuzzed calls
	@local/scripts/setup.sh api
	cargo build --workspace --bins --tests
	$(with_services) .local/venv/bin/python tests/api/check.py $(built)/debug/stage

# Node where the machine has none.
web_path = PATH="$(CURDIR)/.local/tools/node/bin:$$PATH"

.PHONY: test-web
test-web: ## Check and test the web apps' parts: types, lints, format, the client made from the API, units
	@local/scripts/setup.sh web
	cd web && $(web_path) npm run check

.PHONY: test-e2e
test-e2e: setup build-tests ## Walk through the real product in Chromium; pictures in web/dist/e2e
	@local/scripts/setup.sh web chromium
	@local/scripts/web.sh
	STAGE=$(abspath $(built))/debug/stage $(web_path) $(with_services) npm --prefix web run e2e -- $(ONLY)

.PHONY: tidy
tidy: ## Check format, lints, sizes, floors, words, licences and protos; plant sins and see them found
	@local/tidy/tidy.sh
	@local/tidy/tidy.sh --selftest

# The bench has a cargo workspace and a folder of its own; both sides run on one server with fsync on.
bench_dir := $(CURDIR)/.local/bench
bench_programs := load upstream axum_read axum_turn
bench_run = LAUNCHER=$(abspath $(programs))/neipix-local PROGRAMS=$(abspath $(programs)) tests/bench/bench.sh

# What is measured is what serves customers. PROFILE=fast builds in less time.
bench bench-peers: PROFILE = release

.PHONY: bench-build
bench-build: setup $(recorded)
	@local/scripts/setup.sh fastapi
	$(build) -p neipix-local -p neipix-edge -p svc-auth -p svc-billing
	cargo build --release --manifest-path tests/bench/Cargo.toml --target-dir $(bench_dir)/target $(bench_programs:%=-p %)

.PHONY: bench
bench: bench-build ## Measure a turn and a read beside bare axum and FastAPI, in one run of some six minutes
	@$(bench_run)

.PHONY: bench-peers
bench-peers: bench-build ## The same beside LiteLLM and Open WebUI, which are installed first
	@PEERS="fastapi axum_pipelined litellm openwebui" $(bench_run)

.PHONY: profile
profile: bench-build ## Draw a flame graph of the product under load: .local/bench/flame.svg
	@local/scripts/setup.sh perf
	cargo build --release --manifest-path tests/bench/Cargo.toml --target-dir $(bench_dir)/target -p flame
	@RUN=profile.sh $(bench_run)

.PHONY: trace
trace: bench-build ## Say where each millisecond of a turn goes
	@RUN=trace.sh $(bench_run)

.PHONY: bench-web
bench-web: setup web $(launcher) ## Measure the web apps beside their aims: sizes, LCP, INP, CLS in Debian's Chromium
	@local/scripts/setup.sh chromium
	@cd web && $(web_path) node bench/main.js $(abspath $(launcher))
