# The project's commands, and nothing but commands: what they need is in .ci.

GO      ?= go
VERSION ?= $(patsubst v%,%,$(shell git describe --tags 2>/dev/null))
REVISION ?= $(shell git describe --always --dirty --abbrev=12 --exclude '*' 2>/dev/null)
STAMP    = -ldflags "-s -w -X heliograph/bootstrap.stamped=$(VERSION) -X heliograph/bootstrap.stampedRevision=$(REVISION)"

LINTER_VERSION = v2.15.0
LINTER         = bin/golangci-lint-$(LINTER_VERSION)

.DEFAULT_GOAL := help
.PHONY: help build run needs test e2e bench bench-peers bench-gateway bench-tasks bench-output bench-cluster bench-client chaos microbench cover lint fmt generate demo client screenshots notices verify clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build bin/heliograph
	CGO_ENABLED=0 $(GO) build -trimpath $(STAMP) -o bin/heliograph ./bootstrap/cmd/heliograph

run: ## run the service on :8080, configured by environment variables
	@test -x bin/heliograph || echo "building; the first time takes a minute or two"
	@CGO_ENABLED=0 $(GO) build -trimpath $(STAMP) -o bin/heliograph ./bootstrap/cmd/heliograph
	@LOG_LEVEL=$${LOG_LEVEL:-warn} exec bin/heliograph serve # exec: the shell would die of Ctrl-C

needs: ## install what the tests need beside Go (as root on Debian and its kin)
	INSTALL=1 .ci/needs

test: ## run every test with the race detector, and say at the end what failed
	.ci/needs
	GO="$(GO)" .ci/test

e2e: ## run only the tests of the real binary
	.ci/needs
	$(GO) test -race -timeout 20m -count=1 -v ./test/e2e/...

bench: ## measure the service against the machine's limit (ten minutes; writes docs/benchmarks)
	$(GO) run ./test/bench/runner --quick

bench-peers: ## the same with other servers, five rounds (an hour and a half)
	$(GO) run ./test/bench/runner --peers

bench-gateway: ## measure what a gateway in a process of its own costs (ten minutes)
	$(GO) run ./test/bench/runner --quick --gateway

bench-tasks: ## measure tasks from their start to their end on a stream, on each broker (eight minutes)
	$(GO) run ./test/bench/runner --quick --tasks

bench-output: ## measure what a task's output costs the streams beside it (five minutes)
	$(GO) run ./test/bench/runner --output

bench-cluster: ## measure the brokers and the number of nodes (eight minutes)
	$(GO) run ./test/bench/runner --cluster

bench-client: ## measure clients in a browser beside each other (fifteen minutes; needs chromium and npm)
	$(GO) run ./test/bench/runner --clients

chaos: ## break everything between browsers and the service for CHAOS_MINUTES (10), and write docs/client-breakages.md
	.ci/needs
	CHAOS_SEED=$${CHAOS_SEED:-$$(date +%s)} CHAOS_MINUTES=$${CHAOS_MINUTES:-10} CHAOS_TABLE=$(CURDIR)/docs/client-breakages.md $(GO) test -v -count=1 -timeout 24h ./test/chaos

microbench: ## run the benchmarks of single functions, with their allocations
	$(GO) test -run '^$$' -bench . -benchmem ./...

cover: ## run the tests and show what they cover
	$(GO) test -timeout 20m -coverpkg ./domain/...,./application/...,./adapters/...,./bootstrap/... -coverprofile coverage.out ./...
	$(GO) tool cover -func coverage.out

lint: $(LINTER) ## check style and layers
	$(LINTER) run ./...

fmt: $(LINTER) ## format the code
	$(LINTER) fmt ./...

generate: ## make the mocks and the scripts of the client library anew
	$(GO) generate ./...

demo: ## run the sample page, with a service behind it, on :8081 (needs npm the first time)
	@test -e adapters/inbound/webclient/node_modules || (cd adapters/inbound/webclient && npm ci --ignore-scripts --no-audit --no-fund)
	@CGO_ENABLED=0 $(GO) build -trimpath $(STAMP) -o bin/heliograph ./bootstrap/cmd/heliograph
	@LOG_LEVEL=$${LOG_LEVEL:-warn} HTTP_ADDR=localhost:8080 FRONTEND_VERSION=1 $(GO) run ./docs/examples/frontend -start bin/heliograph

client: ## pack the client library for npm, as bin/heliograph-client-VERSION.tgz (needs npm)
	GO="$(GO)" VERSION="$(VERSION)" .ci/client

screenshots: ## make the pictures of the console in docs/console again (needs chromium)
	CONSOLE_SCREENSHOTS="$(CURDIR)/docs/console" $(GO) test ./test/e2e -run TheConsole -count=1

notices: ## write docs/NOTICES.txt again, the licenses of all that the program is made of
	$(GO) run .ci/notices.go > docs/NOTICES.txt

verify: ## check that generated code, docs/NOTICES.txt and go.mod are current
	.ci/verify

clean: ## remove what the other commands made
	rm -rf bin dist coverage.out

$(LINTER):
	GOBIN=$(CURDIR)/bin $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINTER_VERSION)
	mv bin/golangci-lint $@
