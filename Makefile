# `make run` and `make test` are all one needs; `make help` lists the rest.
# Everything that needs root is in scripts/, and says what it does.

SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
PORT ?= 3000

.DEFAULT_GOAL := help
# One after the other, whatever MAKEFLAGS says: tests measure time, and all builds want the same lock.
.NOTPARALLEL:
.PHONY: help setup setup-test build debug web languages run stop test lint browser deny advisories unit root corpus corpus-sample differential differential-compilers \
	attacks faults faults-short soak soak-short bench setup-bench package vm vm-containers clean

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

run: setup build web ## Build, start both daemons, run a program in each language, print the URL
	$(SUDO) scripts/run.sh $(PORT)

stop: ## End what `make run` started
	$(SUDO) scripts/stop.sh

test: setup setup-test lint deny unit root browser corpus-sample differential attacks faults-short soak-short ## Everything that one machine without systemd can show

setup: ## Install what programs and builds need, if it is missing
	$(SUDO) scripts/setup.sh

setup-test: ## Install what the tests need beyond that
	scripts/setup-test.sh

build: ## Build the daemons, the command line tool and the languages' own files
	cargo build --release --locked -p executord -p sandbox -p executor-zygote -p webd -p cli
	$(MAKE) languages OUT=target/languages

OUT ?= target/languages
languages: ## Assemble the language files in OUT
	scripts/languages.sh $(OUT)

WEB := webd/web
$(WEB)/node_modules: $(WEB)/package.json $(WEB)/package-lock.json
	cd $(WEB) && npm ci --no-audit --no-fund
	touch $@

web: $(WEB)/node_modules ## Build the page in target/web
	cd $(WEB) && npm run build

lint: $(WEB)/node_modules ## Formatting, clippy and eslint
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --all-features --locked -- -D warnings
	cd $(WEB) && npm run lint

deny: ## Licences, sources and duplicates of dependencies
	cargo deny --locked check bans licenses sources

advisories: ## Known vulnerabilities of dependencies; needs the advisory database's network
	cargo deny --locked check advisories

unit: $(WEB)/node_modules ## Tests that need nothing but compilers
	cargo test --workspace --locked --exclude sandbox --exclude e2e
	cd $(WEB) && npm run unit

debug: ## A build for tests
	cargo build --workspace --locked

# Root keeps the caller's toolchain.
AS_ROOT := $(SUDO) env PATH="$$PATH" CARGO_HOME="$${CARGO_HOME:-$$HOME/.cargo}" RUSTUP_HOME="$${RUSTUP_HOME:-$$HOME/.rustup}"

root: debug ## Tests with real sandboxes, daemons and compilers; needs root
	$(AS_ROOT) cargo test --locked -p sandbox -p e2e --features e2e/daemons -- --test-threads 1

browser: debug web ## The page in a real Chromium before real daemons; needs root
	cd $(WEB) && $(AS_ROOT) npm run browser

CORPUS ?= $(or $(EXECUTOR_CORPUS),../shared/corpus)
corpus-sample: debug ## A fixed sample of the corpus of real programs, where there is one; prepared and not
	@if [ -f "$(CORPUS)/programs.jsonl" ]; then \
		for pool in off on; do \
			$(AS_ROOT) EXECUTOR_CORPUS="$(CORPUS)" EXECUTOR_POOL=$$pool target/debug/corpus --start --sample 96 || exit 1; \
		done; \
	else echo "NOT RUN: there is no corpus of real programs in $(CORPUS); set EXECUTOR_CORPUS"; fi

differential: debug ## Programs that would notice if they were started in another way than by their bare command
	$(AS_ROOT) target/debug/differential

differential-compilers: debug ## All of our and the corpus's programs in C++, compiled by g++ alone and with precompiled headers; ten minutes
	$(AS_ROOT) EXECUTOR_CORPUS="$(CORPUS)" target/debug/differential --compilers

corpus: debug ## All of the corpus of real programs
	$(AS_ROOT) EXECUTOR_CORPUS="$(CORPUS)" target/debug/corpus --start

PROBES ?= $(or $(EXECUTOR_PROBES),../shared/probes)
# As it is installed sandboxes are prepared ahead; `make attacks POOL=off` attacks those that are not.
POOL ?= on
attacks: debug ## Attack the product with our own programs, and with a collection of others where there is one
	@if [ -f "$(PROBES)/probes.json" ]; then \
		$(AS_ROOT) EXECUTOR_POOL=$(POOL) EXECUTOR_PROBES="$(PROBES)" target/debug/attacks; \
	else echo "NOT RUN: there is no collection of attacks in $(PROBES); set EXECUTOR_PROBES"; \
		$(AS_ROOT) EXECUTOR_POOL=$(POOL) target/debug/attacks --own; fi

ROUNDS ?= 200
faults: debug ## Kill daemons and sandboxes at random moments, ROUNDS times, and break what they stand on
	$(AS_ROOT) target/debug/faults --rounds $(ROUNDS)

faults-short: ## The same, ten times
	$(MAKE) faults ROUNDS=10

SOAK ?= 240
soak: debug ## Friendly and hostile programs together at several times capacity, for SOAK seconds
	$(AS_ROOT) target/debug/soak --seconds $(SOAK) --judge-times

soak-short: debug ## The same, for half a minute, and no time judged
	$(AS_ROOT) target/debug/soak --seconds 30

BENCH ?=
bench: setup setup-bench build ## Time everything beside the bare command and others, in one run; BENCH=--quick for a look
	cargo build --release --locked -p bench
	$(AS_ROOT) target/release/bench $(BENCH)

setup-bench: ## Install what it is compared with
	$(SUDO) scripts/setup-bench.sh

package: ## The Debian package, in target/package-out
	systemd/package.sh target/package-out

vm: ## A Debian 12 server with systemd and cgroup v2, emulated, with the package installed; half an hour or more
	$(AS_ROOT) e2e/vm/run.sh

vm-containers: ## compose.yaml on an emulated server with a Docker engine, with an image built here; half an hour or more
	$(AS_ROOT) e2e/vm/image.sh target/vm/containers
	$(AS_ROOT) e2e/vm/containers.sh target/vm/containers/image.tar

clean: ## Remove what was built
	cargo clean
