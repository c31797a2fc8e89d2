# make         builds bin/roster
# make test    runs the linters and all tests, as CI does. It needs Debian packages, and installs
#              them as root in CI, in a container, or with INSTALL=1 (scripts/prepare-tests)
# make histories    tests 2,000 random histories with attackers
# make stale-histories  tests 200 random histories of users who come and go while reads are old
# make hostile      tests hostile inputs in the sizes of an attack
# make standby      kills daemons, 30 times
# make e2e-kubernetes  kills replicas 20 times, with a real kube-apiserver and etcd
# make mutants      checks that the tests notice defects in the code
# make browser      looks at the pages in Chromium
# make demo    shows roster at work, on loopback only

FUZZTIME ?= 1m

.PHONY: build prepare test browser pages-at-scale lint vuln demo bench bench-large bench-compare bench-records bench-explain bench-audit fuzz golden histories stale-histories mutants hostile standby e2e-forge e2e-kubernetes

build:
	go build -o bin/roster ./cmd/roster

# The checkout may belong to another user than the one who tests. Git would then refuse to tell
# the go command the commit, and the linters and tests would fail.
prepare test browser lint vuln: export GOFLAGS := $(shell go env GOFLAGS 2>/dev/null) -buildvcs=false

prepare:
	scripts/prepare-tests

# The memory of the race detector does not fit under the limits that these tests set for the child
# that evaluates declarations, or for themselves.
MEMORY_LIMITED = ^(TestHostilePullRequestsDoNotStopTheDaemon|TestHostileCommitsOnTheBranchAreRefused|TestBombsEndTheChildOnly|TestAHostileChildIsEnded|TestHostile.*GetTheirAnswer)$$

# go test prints the time of each package. In the scripts of cmd/roster, the commands with much at
# the same time run with the race detector (raced in cmd/roster/main_test.go), the others without.
test: prepare
	$(MAKE) --no-print-directory lint vuln
	go test -c -o bin/plain/roster ./cmd/roster
	ROSTER_PLAIN_TESTS="$(CURDIR)/bin/plain/roster" go test -race -timeout 70m -skip '$(MEMORY_LIMITED)' ./...
	go test -timeout 20m -run '$(MEMORY_LIMITED)' ./cmd/roster ./internal/evaluator ./internal/hostile
	$(MAKE) --no-print-directory browser

# Looks at the pages in Chromium, and stores pictures of them in bin/screenshots.
browser:
	cd tools/browser && ROSTER_SCREENSHOTS="$(CURDIR)/bin/screenshots" go test -count 1 -timeout 20m .

# This uses the gofmt of the toolchain that go.mod names, not the one in PATH.
lint:
	@files=$$("$$(go env GOROOT)/bin/gofmt" -l .) || exit 1; \
	if [ -n "$$files" ]; then echo "not formatted, run gofmt -w on:" >&2; echo "$$files" >&2; exit 1; fi
	go vet ./...
	go vet -tags e2e ./cmd/roster
	cd tools/browser && go vet ./...
	go tool staticcheck ./...

# A vulnerability in code that roster calls is an error. So is every failure of govulncheck, with
# one exception: without its database (GOVULNDB), govulncheck cannot run.
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

# Runs all benchmarks, one package after the other, and writes their results as one table, in less
# than an hour. bench-large has 100,000 people and 2,000 rounds, and takes hours.
bench:
	scripts/bench

bench-large:
	ROSTER_BENCH_USERS=100000 ROSTER_BENCH_ROUNDS=2000 TIMEOUT=6h scripts/bench

# Compares the benchmarks BENCH of PACKAGES between the commit BASE and the working tree, in turn.
BASE ?= HEAD
PACKAGES ?= ./reconcile
bench-compare:
	BASE=$(BASE) scripts/bench-compare $(PACKAGES)

# Measures what the report of a first synchronization of RECORDS_USERS people costs, in processes of
# their own: writing it, and reading it. docs/performance.md has the last result.
RECORDS_USERS ?= 100000
bench-records:
	ROSTER_BENCH_USERS=$(RECORDS_USERS) go test -run '^$$' -bench '^BenchmarkRecords$$' -benchtime 1x -timeout 90m ./cmd/roster

# Measures EXPLAIN_REQUESTS requests for explanations to a daemon with RECORDS_USERS people.
# docs/performance.md has the last result.
EXPLAIN_REQUESTS ?= 1000
bench-explain:
	ROSTER_BENCH_USERS=$(RECORDS_USERS) go test -run '^$$' -bench '^BenchmarkDaemonExplain$$' -benchtime $(EXPLAIN_REQUESTS)x -timeout 90m ./cmd/roster

# Measures the audit branch after AUDIT_RUNS runs on top of such a synchronization: its size, and its
# verification. docs/performance.md has the last result.
AUDIT_RUNS ?= 10000
bench-audit:
	ROSTER_BENCH_USERS=$(RECORDS_USERS) ROSTER_BENCH_ROUNDS=$(AUDIT_RUNS) go test -run '^$$' -bench '^BenchmarkAudit$$' -benchtime 1x -timeout 120m ./cmd/roster

# Measures the time to the first byte of each page of a daemon with RECORDS_USERS people, three tenths
# of them with a held change. docs/performance.md has the last result.
pages-at-scale:
	ROSTER_BENCH_USERS=$(RECORDS_USERS) go test -run '^$$' -bench '^BenchmarkPages$$' -benchtime 1x -timeout 120m ./cmd/roster

# Runs each fuzz target for FUZZTIME, because go test can only fuzz one target at a time.
fuzz:
	@set -e; for package in $$(go list ./...); do \
		targets=$$(go test -list '^Fuzz' "$$package"); \
		for target in $$(echo "$$targets" | grep '^Fuzz' || true); do \
			echo "$$package $$target"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$package"; \
		done; \
	done

# Writes all golden files again. Read the diff before you commit it.
golden:
	@dirs=$$(grep -rlE --include='*_test.go' 'flag\.Bool.*"update"' . | xargs -r -n 1 dirname | sort -u); \
	if [ -z "$$dirs" ]; then echo "no package has golden files" >&2; exit 1; fi; \
	for dir in $$dirs; do go test "$$dir" -update || exit 1; done

# Checks random histories in which attackers write to the audit branch and to the declarations.
HISTORIES ?= 2000

histories:
	go test ./reconcile/run -count 1 -v -timeout 60m -run '^TestHostileHistories$$' -rapid.checks $(HISTORIES)

# Checks that no user who left is active, however old the reads of AWS were meanwhile.
stale-histories:
	ROSTER_STALE_HISTORIES=200 go test -run '^TestNoLeaverIsActiveAfterStaleReads$$' -count 1 -timeout 60m ./reconcile/run

# Sends the hostile inputs of testdata/hostile in the sizes of an attack, with the standard limits.
hostile:
	HOSTILE_FULL_SIZES=1 go test ./internal/hostile -count 1 -v -timeout 60m

# Kills the daemon that writes 30 times, at random moments. Each time, a second daemon continues.
STANDBY_KILLS ?= 30

standby:
	STANDBY_KILLS=$(STANDBY_KILLS) go test ./cmd/roster -count 1 -v -timeout 60m -run '^TestAStandbyContinuesTheWorkOfAKilledDaemon$$'

# Puts one defect after another into the code, and runs the tests that must notice it. MUTANTS are
# regular expressions that choose defects.
mutants:
	go run ./internal/mutants $(MUTANTS)

# Tests the daemon on pull requests of a real Gitea, which is built from its Go module. The first
# build takes about ten minutes of CPU time.
GITEA_VERSION ?= v1.26.4
GITEA = bin/gitea-$(GITEA_VERSION)
GITEA_MODULE = $$(go mod download -json code.gitea.io/gitea@$(GITEA_VERSION) | sed -n 's/^.*"Dir": "\(.*\)".*$$/\1/p')

$(GITEA):
	dir=$(GITEA_MODULE) && cd "$$dir" && go build -tags "sqlite sqlite_unlock_notify" -o "$(CURDIR)/$@" .

e2e-forge: $(GITEA)
	ROSTER_GITEA="$(CURDIR)/$(GITEA)" ROSTER_GITEA_STATIC="$(GITEA_MODULE)" go test -tags e2e -count 1 -v -timeout 30m -run '^(TestPullRequestOnGitea|TestForgeConformanceOnGitea)$$' ./cmd/roster

# Tests replicas that share provisioners by the Leases of a real kube-apiserver and etcd, which are
# built from their Go modules. The first build takes about ten minutes of CPU time.
KUBERNETES_KILLS ?= 20
KUBERNETES = bin/kubernetes

$(KUBERNETES)/server $(KUBERNETES)/kube-apiserver: tools/kubernetes/go.mod
	mkdir -p $(KUBERNETES)
	cd tools/kubernetes && go build -o "$(CURDIR)/$@" $(if $(filter %/server,$@),go.etcd.io/etcd/server/v3,k8s.io/kubernetes/cmd/kube-apiserver)

e2e-kubernetes: $(KUBERNETES)/server $(KUBERNETES)/kube-apiserver
	ROSTER_KUBERNETES="$(CURDIR)/$(KUBERNETES)" KUBERNETES_KILLS=$(KUBERNETES_KILLS) go test -tags e2e -count 1 -v -timeout 60m -run '^TestKubernetes' ./cmd/roster
