# make build   the program, without cgo, as bin/godwit
# make demo    build it and show it at work, without an account
# make test    the whole suite, with the race detector, and 10,000 simulated histories
# make sim     those histories alone, CASES of them
# make soak    random histories for SOAK; a failing one is shrunk and kept in FAILED
# make soak-e2e kills, cuts and stalls, E2E_CASES of each, against a real Dovecot, with the waits that users have;
#              E2E_TESTS says which tests
# make lint    gofmt, vet, a build for every system, golangci-lint, govulncheck
# make fuzz    each fuzz target for FUZZTIME
# make hostile the servers that misbehave
# make bench   the benchmarks, COUNT times each, as benchstat reads them
# make race-report  godwit beside mbsync and OfflineIMAP, as Markdown tables
# make scale-report godwit with one mailbox of growing size, and with 2,000
# make install the program, its manual and its completions, below PREFIX

GO       ?= go
PREFIX   ?= /usr/local
FUZZTIME ?= 30s
COUNT    ?= 6
CASES    ?= 10000
SOAK     ?= 10m
FAILED   ?= bin/failed
BENCH    ?= .
RACE     ?=
E2E_CASES ?= 300
E2E_TESTS ?= Kill|Cut|Silence|MailReader|Busy
VERSION  ?= $(shell git describe --tags --match 'v*' --dirty 2>/dev/null)

# The tools are pinned here. `go run` keeps them out of go.mod.
GOLANGCI    = $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
GOVULNCHECK = golang.org/x/vuln/cmd/govulncheck@v1.8.0

# What the program must build for: its file system code differs between them.
SYSTEMS = linux/arm64 darwin/arm64 freebsd/amd64 openbsd/amd64

LDFLAGS = -s -w $(if $(VERSION),-X main.release=$(VERSION))

.PHONY: all build demo test race sim soak short soak-e2e lint gofmt vet golangci vuln cross fuzz hostile bench race-report scale-report install clean

all: build

build:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/godwit ./cmd/godwit

demo: build
	./bin/godwit demo

# The race detector needs cgo and a C compiler; everything else does without.
test race:
	./scripts/need-dovecot
	CGO_ENABLED=1 $(GO) test -race -timeout 25m ./...
	$(MAKE) sim

# Without the race detector, which takes ten times as long, and has had its share.
# From its own directory, for go test shows what a test prints only there.
sim:
	cd internal/sim && $(GO) test -count=1 -timeout 25m -run TestNothingIsLostDoubledOrUndone -args -sim.cases=$(CASES) -sim.tell

soak:
	@mkdir -p $(FAILED)
	cd internal/sim && $(GO) test -count=1 -timeout 0 -run TestNothingIsLostDoubledOrUndone -args \
		-sim.for=$(SOAK) -sim.tell -sim.keep=$(abspath $(FAILED))

# The tests that take no time, without the race detector.
short:
	$(GO) test -short ./...

# `make test` does the same with 40 cases of each kind. The last line tells how many
# were carried out.
soak-e2e:
	./scripts/need-dovecot
	@mkdir -p bin
	$(GO) test -c -o bin/e2e.test ./internal/e2e
	cd internal/e2e && GODWIT_E2E_CASES=$(E2E_CASES) GODWIT_E2E_BUSY=20000 GODWIT_E2E_PATIENT=1 ../../bin/e2e.test -test.timeout 6h -test.run '$(E2E_TESTS)'

lint: gofmt vet cross golangci vuln

gofmt:
	@bad=$$(gofmt -l $$(git ls-files -c -o --exclude-standard '*.go')); \
	if [ -n "$$bad" ]; then echo "not as gofmt writes it:"; echo "$$bad"; exit 1; fi

vet:
	$(GO) vet ./...
	$(GO) vet -tags crashpoints ./cmd/godwit

# The tests are for Linux, where their servers are; the program is for all.
cross:
	@for s in $(SYSTEMS); do \
		echo "build for $$s"; \
		GOOS=$${s%/*} GOARCH=$${s#*/} CGO_ENABLED=0 $(GO) build -o /dev/null ./cmd/godwit || exit 1; \
	done

golangci:
	$(GOLANGCI) run --allow-parallel-runners ./...

# Status 3 means that something was found (`go run` would make 1 of it); any other
# failure, that the tool or its database could not be reached, which is no fault
# of the code.
vuln:
	@GOBIN=$(CURDIR)/bin/tools $(GO) install $(GOVULNCHECK) && ./bin/tools/govulncheck ./...; status=$$?; \
	case $$status in \
	0) ;; \
	3) exit 3 ;; \
	*) echo "govulncheck could not do its work (status $$status): vulnerabilities were NOT looked for" ;; \
	esac

hostile:
	$(GO) test -count=1 -v -run 'TestHostileServers$$' ./internal/hostile | grep -E '^[0-9]+ hostile|^ *--- FAIL|^(ok|FAIL)'

fuzz:
	./scripts/fuzz $(FUZZTIME)

# Compare two of these with `go run golang.org/x/perf/cmd/benchstat@latest OLD NEW`.
# One package at a time: two that run side by side measure each other.
bench:
	@$(GO) test -p 1 -run '^$$' -bench '$(BENCH)' -benchmem -count $(COUNT) -timeout 2h \
		./imap/wire ./mail ./sync ./sync/plan ./maildir ./statedb

# RACE holds further flags: RACE='-messages 100000 -mailboxes 200 -work DIR'. The
# tools that are not installed are left out.
race-report:
	@$(GO) run ./internal/race $(RACE)

scale-report:
	@$(GO) run ./internal/race -scale $(RACE)

install: build
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 755 bin/godwit $(DESTDIR)$(PREFIX)/bin/godwit
	install -m 644 docs/godwit.1 $(DESTDIR)$(PREFIX)/share/man/man1/godwit.1
	install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	install -d $(DESTDIR)$(PREFIX)/share/zsh/site-functions
	install -d $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	install -m 644 cmd/godwit/completion/godwit.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/godwit
	install -m 644 cmd/godwit/completion/_godwit $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_godwit
	install -m 644 cmd/godwit/completion/godwit.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/godwit.fish

clean:
	rm -rf bin
	$(GO) clean -testcache
