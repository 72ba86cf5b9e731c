# Every step of CI is a target here. GNU Make 4.3 or later; nothing else but Rust, Go and a C compiler
# is expected on the machine: other tools come from the tools cache (tools/tool-path).

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

TARGET := $(or $(CARGO_TARGET_DIR),target)
CACHE := $(or $(WEBHOOK_OPERATOR_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/webhook-operator)
STEP := tools/step

# The operator as users get it; what surrounds it builds faster without optimisation. Files of a run, and
# the state between demo-up and demo-down, are in .demo: one a checkout.
# OPERATOR is another build of it, for example `make demo OPERATOR=$$(tools/static-operator)`.
OPERATOR ?= $(TARGET)/release/webhook-operator
DEMO := $(TARGET)/debug/demo \
	--operator $(OPERATOR) \
	--simulator $(TARGET)/debug/provider-simulator \
	--state .demo

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build the operator for release: target/release/webhook-operator
	cargo build --release --bin webhook-operator

.PHONY: crds
crds: ## Generate crds/, one file a kind, and what contains them
	cargo run --quiet -- crd --output-dir crds
	@tools/dist

.PHONY: dist
dist: ## Generate dist/, deploy/kustomize/ and the chart's README from the chart and crds/
	@tools/dist

.PHONY: docs
docs: ## Generate docs/reference/, the pages that are rendered from the code
	UPDATE_DOCS=1 cargo test --quiet --test docs_reference the_reference_pages

.PHONY: lint
lint: fmt clippy deny crds-current vet ## All checks that run no test

.PHONY: fmt clippy deny crds-current vet
fmt:
	@$(STEP) "rustfmt" cargo fmt --all --check
clippy:
	@$(STEP) "clippy" cargo clippy --quiet --workspace --all-targets -- -D warnings
deny:
	@deny=$$(tools/tool-path cargo-deny); \
	$(STEP) "cargo deny" "$$deny" --log-level error check bans licenses sources
crds-current: binaries
	@$(STEP) "crds up to date" tools/crds-current "$(TARGET)/debug/webhook-operator"
vet: # tool-path also checks the Go code, once for every change of it
	@$(STEP) "control plane built and vetted" tools/tool-path controlplane >/dev/null

# The binaries and tests in one go, because cargo would build kube again for binaries without the
# features that the tests turn on.
.PHONY: binaries
binaries:
	@$(STEP) "build of tests and binaries" cargo build --quiet --workspace --bins --tests

.PHONY: unit
unit: ## Tests that need no control plane
	@$(STEP) "unit tests" tools/run-tests unit

.PHONY: model
model: ## The core in a small world: one fault and one edit more than `make unit` has time for, many random schedules
	@WEBHOOK_OPERATOR_MODEL_DEEPER=$${WEBHOOK_OPERATOR_MODEL_DEEPER:-1} \
	WEBHOOK_OPERATOR_MODEL_SCHEDULES=$${WEBHOOK_OPERATOR_MODEL_SCHEDULES:-100000} \
	$(STEP) "exploration of the core" cargo test --quiet --package webhook-operator-core --lib explore -- --nocapture

.PHONY: it
it: binaries ## Integration tests, on a real control plane that they share
	@export WEBHOOK_OPERATOR_CONTROLPLANE=$$(tools/tool-path controlplane); \
	export WEBHOOK_OPERATOR_BINARIES="$(abspath $(TARGET)/debug)"; \
	$(STEP) "integration tests" "$(TARGET)/debug/cluster" run -- tools/run-tests it

.PHONY: sweep
sweep: binaries ## Every fault at every request at every provider (tests/sweep); `make test` plays a sample
	@export WEBHOOK_OPERATOR_CONTROLPLANE=$$(tools/tool-path controlplane); \
	export WEBHOOK_OPERATOR_BINARIES="$(abspath $(TARGET)/debug)"; \
	"$(TARGET)/debug/cluster" run -- cargo test --quiet --workspace --test sweep -- --ignored --nocapture all_plans

# The control plane's Go build takes minutes the first time: it runs beside cargo's, in the background,
# and what needs it waits for it.
.PHONY: test
test: ## Everything that CI checks: lint, unit, it
	@tools/tool-path controlplane >/dev/null & \
	$(MAKE) fmt clippy deny crds-current unit && $(MAKE) vet it

# A build of its own, which goes wrong on purpose where PLANTED_BUG says so: beside the real one, never in its place.
PLANTED := $(TARGET)/planted
BUGS :=

.PHONY: planted
planted: ## Plant one bug after the other and see the tests notice it; BUGS="name …" for some of them
	@$(STEP) "build with planted bugs" cargo build --quiet --workspace --bins --tests \
		--features webhook-operator/planted-bugs --target-dir "$(PLANTED)"; \
	export WEBHOOK_OPERATOR_CONTROLPLANE=$$(tools/tool-path controlplane); \
	export WEBHOOK_OPERATOR_BINARIES="$(abspath $(PLANTED)/debug)"; \
	cargo build --quiet --workspace --bins --tests --features webhook-operator/planted-bugs \
		--target-dir "$(PLANTED)" --message-format json | \
	$(STEP) "planted bugs" "$(PLANTED)/debug/cluster" run -- "$(PLANTED)/debug/planted-bugs" $(BUGS)
	@$(STEP) "nothing planted in the release" tools/nothing-planted "$(PLANTED)/debug/webhook-operator"

# Beside the bugs that somebody thought of, those that nobody did. FILES are patterns of files of the core; with them the
# planted bugs are left out.
FILES :=

.PHONY: mutants
mutants: ## Change the core in one small way after the other, see the tests notice; then `planted`. FILES="src/core/plan/*.rs …" for some
	@$(STEP) "mutants of the core" tools/mutants all $(FILES)
	@[ -n "$(strip $(FILES))" ] || $(MAKE) planted

# A nightly toolchain, because coverage is counted by unstable flags; no sanitizer, because there is no unsafe code.
# What is found goes to fuzz/found, away from the corpora that are kept; a crash is in fuzz/artifacts.
FUZZ_SECONDS ?= 60
# The same flags for build and run, else everything is built again.
FUZZ_BUILD := --sanitizer none --codegen-units 16
.PHONY: fuzz
fuzz: ## Fuzz every parser for FUZZ_SECONDS each (60); needs the nightly toolchain
	@fuzz=$$(tools/tool-path cargo-fuzz); export RUSTUP_TOOLCHAIN=nightly; \
	$(STEP) "build of the fuzz targets" "$$fuzz" build $(FUZZ_BUILD); \
	failed=; for target in $$("$$fuzz" list); do \
		mkdir -p "fuzz/found/$$target"; \
		$(STEP) "fuzz $$target" "$$fuzz" run $(FUZZ_BUILD) "$$target" "fuzz/found/$$target" "fuzz/corpus/$$target" -- \
			-max_total_time=$(FUZZ_SECONDS) -timeout=10 -max_len=8192 -verbosity=0 -print_final_stats=1 || \
			failed="$$failed $$target"; \
	done; [ -z "$$failed" ] || { echo "fuzz: found something:$$failed" >&2; exit 1; }

.PHONY: test-packaging
test-packaging: binaries ## The chart, manifests and alerts, with Helm and their checkers, on a control plane
	@$(STEP) "checkers of packaging" tools/check-packaging
	@export WEBHOOK_OPERATOR_CONTROLPLANE=$$(tools/tool-path controlplane); \
	export WEBHOOK_OPERATOR_HELM=$$(tools/tool-path helm); \
	export WEBHOOK_OPERATOR_KREW=$$(tools/tool-path krew); \
	export WEBHOOK_OPERATOR_JUDGE=$$(tools/tool-path judge); \
	export WEBHOOK_OPERATOR_GITOPS_CRDS=$$(tools/tool-path gitops-crds); \
	export WEBHOOK_OPERATOR_BINARIES="$(abspath $(TARGET)/debug)"; \
	$(STEP) "packaging tests" "$(TARGET)/debug/cluster" run -- tools/run-tests packaging

.PHONY: testdata
testdata: binaries ## Dump the test data of Argo CD's scripts from real objects
	@export WEBHOOK_OPERATOR_CONTROLPLANE=$$(tools/tool-path controlplane) UPDATE_TESTDATA=1; \
	export WEBHOOK_OPERATOR_BINARIES="$(abspath $(TARGET)/debug)"; \
	"$(TARGET)/debug/cluster" run -- cargo test --quiet --test gitops -- phases && \
	cargo test --quiet --test gitops -- customizations

.PHONY: image
image: ## Build the image of this machine's architecture into image.tar, for docker load; as root, with buildah
	@folder=$$(mktemp -d); trap 'rm -rf "$$folder"' EXIT; \
	$(STEP) "image" tools/image "$$folder" "$(CURDIR)/image.tar"

.PHONY: test-image
test-image: ## The image from the Dockerfile's last stage: content, user, labels, size, and its binary run from it
	@$(STEP) "image and its checks" tools/check-image

.PHONY: node-up node-down e2e
node-up: ## A Kubernetes of one node with kubelet and containerd, private to this machine; as root on Linux
	@$(STEP) "node, and what runs on it" tools/node up
	@echo "tools/node exec kubectl get pods -A    or any other command in its network; make node-down ends it" >&2

node-down: ## End it and everything of it
	@tools/node down

e2e: ## What a platform team does with a release, on such a node; each step with its seconds
	@status=0; $(STEP) "node, and what runs on it" tools/node up || status=$$?; \
	if [ $$status = 3 ] && [ "$${CI:-}" != true ]; then echo "e2e: not here, see above" >&2; exit 0; fi; \
	[ $$status = 0 ] || exit $$status; \
	trap 'tools/node down' EXIT; \
	$(STEP) "end to end on the node" tools/node exec tests/e2e/run

.PHONY: demo-build
demo-build: # KUBEBUILDER_ASSETS spares the control plane's build
	@{ [ -n "$${KUBEBUILDER_ASSETS:-}" ] || tools/tool-path controlplane >/dev/null; } & \
	{ [ "$(origin OPERATOR)" = "command line" ] || \
		$(STEP) "release build of the operator" cargo build --release --bin webhook-operator; } && \
	$(STEP) "build of simulator and demo" cargo build \
		--package provider-simulator --package test-harness --bin provider-simulator --bin demo && \
	wait $$!

.PHONY: demo
demo: demo-build ## The main job end to end on real parts, then each other provider; leaves nothing running
	@$(DEMO) play

.PHONY: demo-up
demo-up: demo-build ## Start the same, apply the examples, leave it running for you to try
	@$(DEMO) up

.PHONY: demo-down
demo-down: ## End what demo-up left running
	@if [ -x $(TARGET)/debug/demo ]; then $(DEMO) down; else echo "No demo of this checkout runs."; fi

.PHONY: bench-build
bench-build:
	@tools/tool-path controlplane >/dev/null & \
	$(STEP) "release build" cargo build --release --workspace --bins && wait $$!

# What is measured can be another build (OPERATOR), with other options of the bench (BENCH="--counts 300 --part life").
BENCH :=
.PHONY: bench
bench: bench-build ## Requests, writes, memory and time for 1,000 and 10,000 subscriptions, as a table
	@WEBHOOK_OPERATOR_CONTROLPLANE=$$(tools/tool-path controlplane) $(TARGET)/release/bench \
		--operator $(OPERATOR) \
		--simulator $(TARGET)/release/provider-simulator $(BENCH)

.PHONY: instructions
instructions: ## Count the instructions of the core's hot functions, with valgrind, and hold them to what is written down
	@$(STEP) "instruction counts" tools/instructions

.PHONY: kubectl-path
kubectl-path: ## Print the path of kubectl in the tools cache
	@tools/tool-path kubectl

.PHONY: helm-path
helm-path: ## Print the path of helm in the tools cache, built when first asked for
	@tools/tool-path helm

.PHONY: clean-cache
clean-cache: ## Remove the tools cache
	rm -rf "$(CACHE)/tools"

.PHONY: clean
clean: ## Remove what cargo built here
	cargo clean
