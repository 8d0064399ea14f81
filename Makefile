# One set of flags everywhere, so that every target shares one build cache.
export CGO_ENABLED := 0
export GOFLAGS := $(GOFLAGS) -trimpath
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X github.com/buenhyden/hy-home/internal/version.number=$(VERSION)
OUT ?= out

.PHONY: help
help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## Stand the platform up and release a good and a bad version
	go run ./testbed/demo -out $(OUT)/demo

.PHONY: demo-down
demo-down: ## Remove all that the demo made, and stop the test bed
	go run ./testbed/demo -down -out $(OUT)/demo

.PHONY: test
test: format tools lint policies testbed integration e2e ## All tests, on the test bed

.PHONY: check
check: format lint unit ## The quick part: without the test bed

.PHONY: build
build: ## bin/hyaction
	go build -ldflags '$(LDFLAGS)' -o bin/hyaction ./cmd/hyaction

.PHONY: format
format:
	@test -z "$$(gofmt -l $$(git ls-files '*.go') | tee /dev/stderr)" || { echo 'these files need gofmt'; exit 1; }

.PHONY: tools
tools: ## Build the pinned tools that the tests run, each from a module of its own
	@for tool in act actionlint cosign golangci-lint kustomize; do \
		echo "tool $$tool"; go tool -modfile=tools/$$tool/go.mod -n $$tool >/dev/null || exit 1; \
	done

.PHONY: lint
lint: ## golangci-lint over the tree, go vet among its linters
	go tool -modfile=tools/golangci-lint/go.mod golangci-lint run

.PHONY: vulns
vulns: ## Known holes in what the binary calls; needs the network, fails at those that tools/vulnerabilities/known.txt does not explain
	go run ./tools/vulnerabilities

.PHONY: unit
unit: modules ## Unit, golden, script and conformance tests; what needs the test bed is skipped where there is none
	go test -timeout 30m ./...

# The nested modules that have tests of their own.
.PHONY: modules
modules:
	go -C examples/backend test ./...
	go -C tools/alloy test ./...
	GOFLAGS= go -C testbed/parts/node-tools test ./...
	GOFLAGS= go -C testbed/parts/argo-rollouts test -count=1 ./same # the cache does not see the product that it builds

# Not a part of test: it needs gcc, and compiles all of it a second time. Tests of
# bumpimage are left out: they set up a server that git asks, and of an order that
# goes through another process the detector knows nothing.
.PHONY: race
race: ## The race detector over the packages that start goroutines; needs gcc
	CGO_ENABLED=1 go test -race -short -timeout 30m $$(git grep -lE '^[[:space:]]*go [a-zA-Z]|\.Go\(' -- 'internal/*.go' ':!*_test.go' | xargs dirname | sort -u | grep -v '/bumpimage$$' | sed 's,^,./,')

# The first time it takes 9 minutes of CPU time, then seconds. go vet would look
# through all packages of Kyverno as well.
.PHONY: policies
policies: ## The catalog's policies, by the engine of Kyverno itself
	go -C tools/kyverno test -vet=off ./...

.PHONY: testbed
testbed: ## Build and start the test bed
	go run ./testbed up engine
	go run ./testbed up plain

.PHONY: integration
integration: modules ## All tests but the last lane, on the test bed; without it they fail
	HY_TESTBED=required go test -count=1 -timeout 40m ./...

.PHONY: e2e
e2e: ## The demo, a second run, the workflow through act, and the way down
	HY_TESTBED=required HY_E2E=1 go test -count=1 -timeout 60m -v ./testbed/e2e

.PHONY: kills
kills: ## setup-platform killed at 20 random points, in each phase, and run again
	HY_TESTBED=required HY_E2E=1 HY_KILLS=20 go test -count=1 -timeout 60m -v -run '^TestPlatform$$/^(Start|Killed)_' ./testbed/e2e

.PHONY: generate
generate: ## Write action.yml and the READMEs' tables from internal/spec, docs/components.md from the catalog
	go generate ./internal/spec

.PHONY: lock
lock: ## Rewrite platform.lock from the catalog and the registries in reach
	go run ./cmd/hyaction lock update --file internal/catalog/platform.lock

.PHONY: bench-platform
bench-platform: ## The same platform as guides install it and with setup-platform, side by side
	go run ./testbed/bench

.PHONY: bench-build
bench-build: ## An image by docker build and push, by buildx and by build-push, side by side
	go run ./testbed/benchbuild

.PHONY: bench-bump
bench-bump: ## A bump by API, by Git and by hand, over the internet, fifty writers at once, the edit against kustomize's program and library
	HY_BENCH=1 go test -count=1 -v -run 'TestFiftyWriters|TestBump_Against' ./internal/action/bumpimage | grep -v '^=== '
	go test -run '^$$' -bench 'Bump|Edit|Plan' -benchtime 10x ./internal/action/bumpimage ./internal/kustomize

.PHONY: bench-gate
bench-gate: ## How fast the gate answers and what it asks of the API server, beside kubectl argo rollouts status, on the plain test bed
	HY_TESTBED=required HY_BENCH=1 go test -count=1 -v -run 'TestBench|TestBed_(GoodRelease|ImageCannotBePulled|CannotTell|SmallestRole)|TestChecks_(AreAskedAtOnce|OverHTTP)' ./internal/action/canarygate | grep -v '^=== '

.PHONY: golden
golden: ## Rewrite the golden files; read the diff before you commit it
	go test $$(git grep -le 'hy-home/internal/testkit/golden"' -- 'internal/*_test.go' | xargs dirname | sort -u | sed 's,^,./,') -update
