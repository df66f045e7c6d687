# `make run` and `make test` are enough to start; `make help` lists all targets.
# Steps that need root are in scripts/ and print what they do.

SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
PORT ?= 3000

.DEFAULT_GOAL := help
# Never in parallel, whatever MAKEFLAGS contains: tests measure time, and all builds wait for the same lock.
.NOTPARALLEL:
.PHONY: help setup setup-test build debug web languages run stop test lint clippy tidy lint-web browser clients client-libraries clients-unit deny advisories unit root balancer compilers check-deploy corpus corpus-sample differential differential-short differential-compilers \
	attacks attacks-short attacks-languages attacks-languages-short packages-tests languages-all cluster submission-kills schemathesis faults faults-short soak soak-short leaks bench setup-bench package vm vm-containers setup-vm clean

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 24

run: setup build web ## Build, start both daemons, run a program in each available language, print the URL
	$(SUDO) scripts/run.sh $(PORT)

stop: ## Stop the daemons that `make run` started
	$(SUDO) scripts/stop.sh

# `unit` checks what `tidy` checks.
test: setup setup-test clippy lint-web deny unit root browser corpus-sample differential-short attacks-short faults-short soak-short ## Run all tests that work on one machine without systemd

setup: ## Install missing compilers, interpreters and system users
	$(SUDO) scripts/setup.sh

setup-test: ## Install what the tests need in addition to `make setup`
	scripts/setup-test.sh

# What the packages contain: submissions of many servers.
FEATURES := webd/cluster,cli/cluster

build: ## Build the daemons, the command-line tool and the language files
	cargo build --release --locked -p executord -p sandbox -p executor-zygote -p executor-zygote-node -p executor-zygote-jvm -p webd -p cli -p noded --features $(FEATURES)
	$(MAKE) languages OUT=target/languages

OUT ?= target/languages
languages: ## Build the language files into OUT (default: target/languages)
	scripts/languages.sh $(OUT)

WEB := webd/web
$(WEB)/node_modules: $(WEB)/package.json $(WEB)/package-lock.json
	cd $(WEB) && npm ci --no-audit --no-fund
	touch $@

web: $(WEB)/node_modules ## Build the web page into target/web
	cd $(WEB) && npm run build

lint: clippy tidy lint-web ## Check formatting, clippy, eslint and the repository's own rules (tidy/)

clippy:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --all-features --locked -- -D warnings

tidy:
	cargo run --quiet --locked -p tidy

lint-web: $(WEB)/node_modules
	cd $(WEB) && npm run lint

deny: ## Check licenses, sources and duplicates of dependencies
	cargo deny --locked check bans licenses sources

advisories: ## Check dependencies for known vulnerabilities; downloads the advisory database
	cargo deny --locked check advisories

unit: $(WEB)/node_modules clients-unit ## Run the tests that need neither root nor daemons
	cargo test --workspace --locked --exclude sandbox --exclude e2e --features $(FEATURES)
	cd $(WEB) && npm run unit

debug: ## Build everything for the tests
	cargo build --workspace --locked --features $(FEATURES),e2e/daemons

# Commands as root use the caller's toolchain.
AS_ROOT := $(SUDO) env PATH="$$PATH" CARGO_HOME="$${CARGO_HOME:-$$HOME/.cargo}" RUSTUP_HOME="$${RUSTUP_HOME:-$$HOME/.rustup}"

# Tests that `make balancer` and `make compilers` run.
LONG := long:: stopping_a_node_behind_haproxy precompiled_headers_change_no_program programs_are_compiled_the_same_way
LANES ?= 2
root: debug ## Run the tests with real sandboxes, daemons and compilers, LANES files at a time; needs root
	$(AS_ROOT) LANES=$(LANES) scripts/root-tests.sh $(addprefix --skip ,$(LONG))

balancer: debug ## Kill, stop, add and remove nodes behind HAProxy and nginx
	$(AS_ROOT) cargo test --locked -p e2e --features e2e/daemons --test balancer -- --test-threads 1

JOBE_TESTSUBMIT ?= $(EXECUTOR_JOBE_TESTSUBMIT)
clients: debug ## Run published clients of Piston, Judge0 and MCP against real daemons; needs root, PyPI and npm
	e2e/clients/setup.sh
	$(AS_ROOT) cargo test --locked -p e2e --features e2e/clients,e2e/daemons --test clients -- --test-threads 1
	@if [ -f "$(JOBE_TESTSUBMIT)" ]; then \
		$(AS_ROOT) EXECUTOR_JOBE_TESTSUBMIT="$(JOBE_TESTSUBMIT)" cargo test --locked -p e2e --features e2e/jobe-testsubmit \
			--test clients acceptance_test_of_jobe; \
	else echo "NOT RUN: Jobe's testsubmit.py; set EXECUTOR_JOBE_TESTSUBMIT"; fi

EXAMPLES ?= 60
schemathesis: debug ## Send EXAMPLES generated requests for each operation of /openapi.json to real daemons; needs root and PyPI
	e2e/schemathesis/setup.sh
	$(AS_ROOT) EXECUTOR_SCHEMATHESIS_EXAMPLES=$(EXAMPLES) cargo test --locked -p e2e --features e2e/clients,e2e/daemons --test schemathesis

CLIENT_TOOLS := ../../target/client-libraries/tools/bin
clients-unit: ## Check and test the Python client library without a server
	clients/tools.sh
	cd clients/python && $(CLIENT_TOOLS)/mypy && PYTHONPATH=src $(CLIENT_TOOLS)/python -m unittest discover --start-directory tests

client-libraries: debug $(WEB)/node_modules ## Build the packages of both client libraries, and run their READMEs in new environments
	clients/install.sh
	$(AS_ROOT) cargo test --locked -p e2e --features e2e/daemons --test client_libraries -- --test-threads 1

check-deploy: ## Validate alert rules and the files for Kubernetes and Docker Compose; needs promtool and PyPI
	deploy/check.sh

compilers: debug ## Compile programs of e2e and of the corpus with and without precompiled headers and other accelerations
	$(AS_ROOT) cargo test --locked -p e2e --features e2e/daemons --test compilers -- --test-threads 1

browser: debug web ## Test the page in Chromium with real daemons; needs root
	cd $(WEB) && $(AS_ROOT) npm run browser

CORPUS ?= $(or $(EXECUTOR_CORPUS),../shared/corpus)
corpus-sample: debug ## Run 64 programs of CORPUS, if it exists, with and without pre-warmed sandboxes
	@if [ -f "$(CORPUS)/programs.jsonl" ]; then \
		for pool in off on; do \
			$(AS_ROOT) EXECUTOR_CORPUS="$(CORPUS)" EXECUTOR_POOL=$$pool target/debug/corpus --start --sample 64 || exit 1; \
		done; \
	else echo "NOT RUN: no corpus of real programs in $(CORPUS); set EXECUTOR_CORPUS"; fi

DIFFERENTIAL ?=
differential: debug ## Compare programs in a sandbox with their bare command
	$(AS_ROOT) target/debug/differential $(DIFFERENTIAL)

differential-short: ## Run `make differential` with one in three programs
	$(MAKE) differential DIFFERENTIAL='--one-in 3'

differential-compilers: debug ## Compare C++ programs compiled by g++ alone and with precompiled headers; ten minutes
	$(AS_ROOT) EXECUTOR_CORPUS="$(CORPUS)" target/debug/differential --compilers

corpus: debug ## Run all programs of CORPUS
	$(AS_ROOT) EXECUTOR_CORPUS="$(CORPUS)" target/debug/corpus --start

PROBES ?= $(or $(EXECUTOR_PROBES),../shared/probes)
# An installed Executor uses pre-warmed sandboxes; `make attacks POOL=off` attacks cold ones.
POOL ?= on
ATTACKS ?=
attacks: debug ## Attack the product with e2e/attacks, and with the collection in PROBES if it exists
	@if [ -d "$(PROBES)" ]; then \
		$(AS_ROOT) EXECUTOR_POOL=$(POOL) EXECUTOR_PROBES="$(PROBES)" target/debug/attacks $(ATTACKS); \
	else echo "NOT RUN: no collection of attacks in $(PROBES); set EXECUTOR_PROBES"; \
		$(AS_ROOT) EXECUTOR_POOL=$(POOL) target/debug/attacks --own $(ATTACKS); fi

attacks-short: ## Run `make attacks` without the attacks that take longest, and with zygotes those on zygotes
	$(MAKE) attacks ATTACKS=--skip-slow
	$(MAKE) attacks POOL=zygotes ATTACKS='--only zygote --only of-node --only inotify-instances'

COUNT ?= 5
attacks-languages: debug ## Run attacks from programs in COUNT installed languages, chosen at random
	$(AS_ROOT) EXECUTOR_POOL=$(POOL) target/debug/attacks --languages $(COUNT)

attacks-languages-short: ## Run `make attacks-languages` with two languages
	$(MAKE) attacks-languages COUNT=2

packages-tests: debug ## Install packages of PyPI and npm into package sets, and use them; needs root, PyPI and npm
	$(AS_ROOT) cargo test --locked -p e2e --features e2e/daemons --test packages -- --test-threads 1

languages-all: build debug ## Install every shipped language, run all self-tests and examples, and test versions and file names; 4 GB, a quarter of an hour; needs root
	$(AS_ROOT) scripts/languages-all.sh
	$(AS_ROOT) cargo test --locked -p e2e --features e2e/toolchains --test toolchains -- --test-threads 1

CLUSTER_ROUNDS ?= 200
NATS_SERVER ?= nats-server
cluster: debug ## Kill every process of two servers and their nats-server (NATS_SERVER: its path), CLUSTER_ROUNDS times; half an hour
	$(AS_ROOT) EXECUTOR_CLUSTER_ROUNDS=$(CLUSTER_ROUNDS) EXECUTOR_NATS_SERVER=$(NATS_SERVER) cargo test --locked -p e2e --features e2e/daemons --test cluster -- --test-threads 1
	cargo run --release --locked -p cluster --example simulate

KILL_ROUNDS ?= 200
submission-kills: debug ## Kill webd under submissions KILL_ROUNDS times, with the real daemon and with one that counts runs; ten minutes
	$(AS_ROOT) EXECUTOR_KILL_ROUNDS=$(KILL_ROUNDS) cargo test --locked -p e2e --features e2e/daemons --test submission_kills
	EXECUTOR_KILL_ROUNDS=$(KILL_ROUNDS) cargo test --workspace --locked --exclude sandbox --exclude e2e --features $(FEATURES) --test submission_crash

ROUNDS ?= 200
faults: debug ## Kill daemons and sandboxes at random moments, ROUNDS times, and break what they depend on
	$(AS_ROOT) target/debug/faults --rounds $(ROUNDS)

faults-short: ## Run `make faults` with 10 rounds
	$(MAKE) faults ROUNDS=10

SOAK ?= 240
soak: debug ## Run friendly and hostile programs at several times the capacity, for SOAK seconds
	$(AS_ROOT) target/debug/soak --seconds $(SOAK) --judge-times

soak-short: debug ## Run the soak test for 30 seconds, without judging times
	$(AS_ROOT) target/debug/soak --seconds 30

REQUESTS ?= 1000
leaks: debug ## Execute REQUESTS requests of every kind, whose clients disconnect at random moments, and look for what is left
	$(AS_ROOT) target/debug/leaks --requests $(REQUESTS)

BENCH ?=
bench: setup setup-bench build ## Compare Executor's speed with the bare command and other tools; BENCH=--quick for a short run
	cargo build --release --locked -p bench
	$(AS_ROOT) target/release/bench $(BENCH)

setup-bench: ## Install the tools that `make bench` compares with
	$(SUDO) scripts/setup-bench.sh

package: web ## Build the Debian package into target/package-out
	systemd/package.sh target/package-out

setup-vm: ## Install what `make vm` and `make vm-containers` need
	scripts/setup-vm.sh

vm: setup setup-vm web ## Test the Debian package on an emulated server with systemd and cgroup v2; half an hour or more
	$(AS_ROOT) e2e/vm/run.sh

vm-containers: setup setup-vm ## Test compose.yaml on an emulated server with Docker; half an hour or more
	$(AS_ROOT) e2e/vm/image.sh target/vm/containers
	$(AS_ROOT) e2e/vm/containers.sh target/vm/containers/image.tar

clean: ## Remove build results
	cargo clean
	rm -rf clients/typescript/dist
