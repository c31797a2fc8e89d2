# make         builds bin/roster
# make test    is all that CI runs
# make demo    shows roster at work, on loopback only

FUZZTIME ?= 1m

.PHONY: build test lint vuln demo bench fuzz golden e2e-forge

build:
	go build -o bin/roster ./cmd/roster

test: lint vuln
	go test -race -timeout 30m ./...

# gofmt is taken from the toolchain that go.mod names, not from PATH.
lint:
	@files=$$("$$(go env GOROOT)/bin/gofmt" -l .) || exit 1; \
	if [ -n "$$files" ]; then echo "not formatted, run gofmt -w on:" >&2; echo "$$files" >&2; exit 1; fi
	go vet ./...
	go tool staticcheck ./...

# A vulnerability that roster's code reaches is an error, and so is any failure of
# govulncheck but one: without its database (GOVULNDB) it cannot run at all.
vuln:
	@echo "go tool govulncheck ./..."; \
	out=$$(go tool govulncheck ./... 2>&1) && code=0 || code=$$?; \
	case "$$code $$out" in \
	0*) ;; \
	1*"fetching vulnerabilities:"*) echo "govulncheck was NOT run: its vulnerability database cannot be reached" >&2 ;; \
	*) echo "$$out" >&2; exit "$$code" ;; \
	esac

demo:
	go run ./cmd/roster demo

# Each package that has benchmarks, one after the other: they share the machine.
bench:
	@dirs=$$(grep -rlE --include='*_test.go' '^func Benchmark' . | xargs -n 1 dirname | sort -u); \
	go test -p 1 -run '^$$' -bench . -benchmem -timeout 60m $$dirs

# FUZZTIME for each target: go test fuzzes one at a time.
fuzz:
	@set -e; for package in $$(go list ./...); do \
		targets=$$(go test -list '^Fuzz' "$$package"); \
		for target in $$(echo "$$targets" | grep '^Fuzz' || true); do \
			echo "$$package $$target"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$package"; \
		done; \
	done

# Writes the golden files anew. Read the difference before you commit it.
golden:
	@dirs=$$(grep -rlE --include='*_test.go' 'flag\.Bool.*"update"' . | xargs -r -n 1 dirname | sort -u); \
	if [ -z "$$dirs" ]; then echo "no package has golden files" >&2; exit 1; fi; \
	for dir in $$dirs; do go test "$$dir" -update || exit 1; done

# A real Gitea, built from its Go module (some ten minutes of CPU the first time), plays a pull request's whole life with the daemon.
GITEA_VERSION ?= v1.26.4
GITEA = bin/gitea-$(GITEA_VERSION)
GITEA_MODULE = $$(go mod download -json code.gitea.io/gitea@$(GITEA_VERSION) | sed -n 's/^.*"Dir": "\(.*\)".*$$/\1/p')

$(GITEA):
	dir=$(GITEA_MODULE) && cd "$$dir" && go build -tags "sqlite sqlite_unlock_notify" -o "$(CURDIR)/$@" .

e2e-forge: $(GITEA)
	ROSTER_GITEA="$(CURDIR)/$(GITEA)" ROSTER_GITEA_STATIC="$(GITEA_MODULE)" go test -tags e2e -count 1 -v -timeout 15m -run '^TestForgeStory$$' ./cmd/roster
