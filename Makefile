# Everything here needs Go and the module proxy; the race detector needs a C
# compiler as well, and is left out, with a word, where there is none.

GO      ?= go
BIN     ?= bin
SOURCES := api cmd hack manifests pkg test

# Packages whose state is shared between goroutines.
RACE := ./pkg/auth/... ./pkg/consensus/... ./pkg/registry ./pkg/rest/... ./pkg/server/... ./pkg/storage/... ./pkg/watchcache/...

# How long one package's tests may take.
TIMEOUT ?= 10m

# How long a fuzz target runs, how often the server is killed and how many
# worlds of random crashes there are: `make fuzz FUZZTIME=10m`, `make crash
# KILLS=500`.
FUZZTIME ?= 30s
KILLS    ?= 50
ROUNDS   ?= 100

.PHONY: all build run test check unit race vet fmt staticcheck bench generate fuzz crash clean

all: build

# build makes bin/apiserver.
build:
	$(GO) build -o $(BIN)/apiserver ./cmd/apiserver

# run serves on https://127.0.0.1:6443 with its data in ./data.
run: build
	$(BIN)/apiserver

# test is what CI runs.
test: check unit race

# check finds faults without running anything.
check: fmt vet staticcheck

fmt:
	@bad=$$(gofmt -l $(SOURCES)); if [ -n "$$bad" ]; then echo "gofmt -w these:"; echo "$$bad"; exit 1; fi

vet:
	$(GO) vet ./...

staticcheck:
	$(GO) tool staticcheck ./...

unit:
	$(GO) test -timeout $(TIMEOUT) ./...

# race runs the shorter form of the same tests under the race detector.
race:
	@if [ "$$($(GO) env CGO_ENABLED)" = 1 ] && command -v "$$($(GO) env CC)" >/dev/null; then \
		echo "$(GO) test -race -short -timeout $(TIMEOUT) $(RACE)"; \
		$(GO) test -race -short -timeout $(TIMEOUT) $(RACE); \
	else \
		echo "race: no C compiler, the race detector cannot run"; \
	fi

# bench measures a server of its own, on a free port, with data of its own.
bench:
	$(GO) run ./hack/bench -start

# generate writes the OpenAPI documents anew.
generate:
	$(GO) run ./hack/openapi

# fuzz runs every fuzz target for FUZZTIME.
fuzz:
	FUZZTIME=$(FUZZTIME) hack/fuzz.sh

# crash is the long form of the crash tests.
crash:
	BINNACLE_KILLS=$(KILLS) BINNACLE_CRASH_ROUNDS=$(ROUNDS) BINNACLE_CRASH_EVERY=1 \
		$(GO) test -v -count=1 -timeout 2h -run 'Crash|Kill|Torn' ./pkg/consensus/... ./pkg/storage/... ./test/...

clean:
	rm -rf $(BIN)
