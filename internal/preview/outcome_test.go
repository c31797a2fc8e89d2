package preview

import (
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/internal/forge"
	"github.com/seed-d64a251c/roster/internal/forge/forgetest"
	"github.com/seed-d64a251c/roster/reconcile"
)

// outcomeEnv is a repository with merged pull requests and a forge over HTTP.
type outcomeEnv struct {
	*env
	*Outcomes
	state *forgetest.State
	kind  string
	first string // the commit before all merges
}

func eachForge(t *testing.T, do func(t *testing.T, e *outcomeEnv)) {
	for _, kind := range []string{"github", "gitlab", "gitea"} {
		t.Run(kind, func(t *testing.T) {
			e := &outcomeEnv{env: newEnv(t, "ann bob"), state: &forgetest.State{T: t, Token: "token"}, kind: kind}
			client, err := forge.Open(forge.Config{Kind: forge.Kind(kind), Repository: e.state.Start(kind),
				Token: "token",
				Now:   func() time.Time { return e.now }})
			if err != nil {
				t.Fatal(err)
			}
			e.Outcomes = &Outcomes{Forge: client, Repo: e.repo, Branch: "main", Log: slog.New(slog.DiscardHandler)}
			e.first = e.head("main")
			do(t, e)
		})
	}
}

// merge merges a pull request that declares these users. It returns the merge commit.
func (e *outcomeEnv) merge(number int, people string) *forgetest.Pull {
	e.t.Helper()
	e.runGit("checkout", "-q", "-B", "change", "main")
	e.writePeople(people)
	pull := &forgetest.Pull{Number: number, Author: "ann", Base: "main", Head: e.commit("change"), Updated: e.now}
	e.runGit("checkout", "-q", "main")
	e.runGit("merge", "-q", "--no-ff", "-m", "Merge the change", "change")
	pull.Merged = e.head("main")
	e.state.Pulls = append(e.state.Pulls, pull)
	if _, err := e.repo.Tip(e.t.Context(), "main"); err != nil {
		e.t.Fatal(err)
	}
	return pull
}

// held is a report in which a commit loosened a rule, and in which changes are held that commits
// brought.
func (e *outcomeEnv) held(at string, causes ...string) *reconcile.Report {
	r := &reconcile.Report{Run: "run-1", Provisioner: "aws", Outcome: reconcile.RunHeld,
		Commit: reconcile.CommitRef{ID: at}, HeldDigest: digestOfLetter("f"),
		Loosened: []reconcile.Loosening{{Field: "limits.maxRemovals", Text: "safety gate maxRemovals turned off",
			Position: "org/base.cue:12:1"}}}
	for i, cause := range causes {
		c := reconcile.Change{Kind: reconcile.DeactivateUser, Key: "u-1", Name: "cleo@example.com",
			Decision: &reconcile.Decision{Held: []reconcile.Hold{{Gate: "maxRemovals", Reason: "too many removals"}}},
			Cause:    reconcile.Cause{Kind: reconcile.CauseCommit, Commit: cause}}
		r.Changes = append(r.Changes, reconcile.Done{Change: &c, Result: reconcile.ResultHeld})
		r.HeldGroups = append(r.HeldGroups, reconcile.HeldGroup{Cause: c.Cause,
			Digest:  digestOfLetter("abcde"[i : i+1]),
			Changes: 1, Users: 1, Gates: []string{"maxRemovals"}})
	}
	r.Count()
	return r
}

func digestOfLetter(letter string) string { return "sha256:" + strings.Repeat(letter, 64) }

func (e *outcomeEnv) post() {
	e.t.Helper()
	if err := e.Post(e.t.Context(), e.now, time.Minute); err != nil {
		e.t.Fatal(err)
	}
}

// comments returns roster's comments on a pull request.
func (e *outcomeEnv) comments(p *forgetest.Pull) []string {
	var out []string
	for _, c := range p.Comments {
		if c.Author == forgetest.BotLogin {
			out = append(out, c.Body)
		}
	}
	return out
}

// wantStatus checks the last status: its commit, its state on a forge that is not GitLab, and its
// first words.
func (e *outcomeEnv) wantStatus(commit, state, text string) {
	e.t.Helper()
	if e.kind == "gitlab" && state == "failure" {
		state = "failed"
	}
	if len(e.state.Statuses) == 0 {
		e.t.Fatal("no status was set")
	}
	have, want := e.state.Statuses[len(e.state.Statuses)-1], commit+" "+state+" roster/outcome "+text
	if !strings.HasPrefix(have, want) {
		e.t.Errorf("the status is %q; want %q", have, want)
	}
}

func TestTheOutcomeOfAMergeNamesLoosenedRulesFirst(t *testing.T) {
	eachForge(t, func(t *testing.T, e *outcomeEnv) {
		pull := e.merge(7, "ann")
		e.state.Add(pull, forgetest.BotLogin, forge.Marker+"\n**roster: the preview**")
		e.RunEnded(e.held(pull.Merged, pull.Merged), e.first)
		e.post()
		comments := e.comments(pull)
		if len(comments) != 1 || !strings.HasPrefix(comments[0], forge.Marker+
			"\n**roster: safety gate maxRemovals turned off; held, 1 held: "+
			"`cleo@example.com` may no longer sign in (held)**\n") {
			t.Errorf("the comments are %q", comments)
		}
		for _, part := range []string{"**Loosened:** safety gate maxRemovals turned off", "`cleo@example.com`",
			"`roster approve " + digestOfLetter("a") + " --reason \"...\"`"} {
			if !strings.Contains(comments[0], part) {
				t.Errorf("the comment lacks %q:\n%s", part, comments[0])
			}
		}
		e.wantStatus(pull.Merged, "failure",
			"safety gate maxRemovals turned off; held, 1 held: roster approve sha256:aaaa")

		sent := len(e.state.Requests)
		e.RunEnded(e.held(pull.Merged, pull.Merged), e.first)
		e.post()
		if writes := slices.DeleteFunc(slices.Clone(e.state.Requests[sent:]), func(r string) bool {
			return strings.HasPrefix(r, http.MethodGet+" ")
		}); len(writes) > 0 {
			t.Errorf("for the same outcome %q were sent", writes)
		}
	})
}

func TestTheOutcomeFollowsTheRunsUntilTheMergeIsApplied(t *testing.T) {
	eachForge(t, func(t *testing.T, e *outcomeEnv) {
		pull := e.merge(7, "ann")
		e.RunEnded(e.held(pull.Merged, pull.Merged), e.first)
		e.post()
		approval := e.merge(8, "ann")
		applied := &reconcile.Report{Run: "run-2", Provisioner: "aws", Outcome: reconcile.RunApplied,
			Commit: reconcile.CommitRef{ID: approval.Merged}, Counts: reconcile.Counts{Done: 1}}
		if !e.RunEnded(applied, e.first) {
			t.Error("the run has no pull requests")
		}
		e.post()
		for _, p := range []*forgetest.Pull{pull, approval} {
			if comments := e.comments(p); len(comments) != 1 || !strings.Contains(comments[0],
				"**roster: applied, 1 done**") {
				t.Errorf("the comments on %d are %q", p.Number, comments)
			}
		}
		e.wantStatus(pull.Merged, "success", "applied, 1 done")
		if e.RunEnded(applied, approval.Merged) {
			t.Error("a run of the applied commit has pull requests")
		}
	})
}

func TestHeldChangesOfOtherMergesDoNotFailAPullRequest(t *testing.T) {
	eachForge(t, func(t *testing.T, e *outcomeEnv) {
		first, second := e.merge(7, "ann"), e.merge(8, "ann cleo")
		e.RunEnded(e.held(second.Merged, first.Merged), e.first)
		e.post()
		e.wantStatus(first.Merged, "failure", "safety gate maxRemovals turned off; held, 1 held: roster approve")
		if n := len(e.state.Statuses); n != 2 || !strings.Contains(e.state.Statuses[0], second.Merged+" success ") {
			t.Errorf("the statuses are %q", e.state.Statuses)
		}
		if c := e.comments(second)[0]; strings.Contains(c, "roster approve") {
			t.Errorf("the comment has the approval of another pull request:\n%s", c)
		}
	})
}

func TestTheOutcomeOnAForkHasNoNames(t *testing.T) {
	eachForge(t, func(t *testing.T, e *outcomeEnv) {
		pull := e.merge(7, "ann")
		pull.Fork = true
		e.RunEnded(e.held(pull.Merged, pull.Merged), e.first)
		e.post()
		if c := e.comments(pull)[0]; strings.Contains(c, "cleo") || !strings.Contains(c,
			"roster approve sha256:aaaa") ||
			!strings.Contains(c, "safety gate maxRemovals turned off; held, 1 held") {
			t.Errorf("the comment is\n%s", c)
		}
	})
}

func TestOutcomesAreNotLostWhileTheForgeIsNotAvailable(t *testing.T) {
	eachForge(t, func(t *testing.T, e *outcomeEnv) {
		pull := e.merge(7, "ann")
		e.RunEnded(e.held(pull.Merged, pull.Merged), e.first)
		e.state.Limit = func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", "60")
			forgetest.Respond(w, http.StatusTooManyRequests, map[string]any{"message": "slow down"})
		}
		var limited *forge.RateLimitError
		if err := e.Post(t.Context(), e.now, time.Minute); !errors.As(err, &limited) {
			t.Fatalf("%v; want a rate limit", err)
		}
		e.state.Limit, e.now = nil, e.now.Add(time.Hour)
		e.post()
		if len(e.comments(pull)) != 1 {
			t.Error("the outcome was not posted")
		}
		e.wantStatus(pull.Merged, "failure", "safety gate maxRemovals turned off")
	})
}

func TestAnOutcomeThatFailsDoesNotDelayThatOfAnotherRun(t *testing.T) {
	eachForge(t, func(t *testing.T, e *outcomeEnv) {
		first := e.merge(7, "ann")
		second := e.merge(8, "ann cleo")
		e.RunEnded(e.held(first.Merged, first.Merged), e.first)
		e.RunEnded(e.held(second.Merged, second.Merged), first.Merged)
		e.state.RefusedStatuses = first.Merged
		e.post()
		e.wantStatus(second.Merged, "failure", "safety gate maxRemovals turned off")
		e.state.Sent("POST")
		e.now = e.now.Add(59 * time.Second)
		e.post()
		if n := e.state.Sent("POST"); n != 0 {
			t.Errorf("%d requests within the pause", n)
		}
		e.state.RefusedStatuses, e.now = "", e.now.Add(time.Second)
		e.post()
		e.wantStatus(first.Merged, "failure", "safety gate maxRemovals turned off")
	})
}

func TestACommitWithoutAPullRequestGetsNoOutcome(t *testing.T) {
	eachForge(t, func(t *testing.T, e *outcomeEnv) {
		e.writePeople("ann")
		pushed := e.commit("direct push")
		if _, err := e.repo.Tip(t.Context(), "main"); err != nil {
			t.Fatal(err)
		}
		e.RunEnded(e.held(pushed, pushed), e.first)
		e.post()
		if len(e.state.Statuses) > 0 {
			t.Errorf("statuses %q", e.state.Statuses)
		}
	})
}

func TestAnOutcomeThatARestartLostIsPosted(t *testing.T) {
	eachForge(t, func(t *testing.T, e *outcomeEnv) {
		pull := e.merge(7, "ann")
		report := &reconcile.Report{Run: "run-2", Provisioner: "aws", Outcome: reconcile.RunApplied,
			Commit: reconcile.CommitRef{ID: pull.Merged}, Counts: reconcile.Counts{Done: 1},
			Started: e.now, Finished: e.now}
		status := &reconcile.Status{LastApplied: &reconcile.AppliedAt{Commit: pull.Merged, Time: e.now},
			EarlierApplied: []reconcile.AppliedAt{{Commit: e.first}}}
		drift := *report
		drift.Started = e.now.Add(time.Hour)
		if e.Resume(&drift, status, e.now) || e.Resume(report, status, e.now.AddDate(0, 0, 2)) ||
			e.Resume(report, &reconcile.Status{}, e.now) {
			t.Error("a run that did not apply the commit, or is old, has an outcome to be posted")
		}
		if !e.Resume(report, status, e.now.Add(time.Hour)) {
			t.Fatal("nothing is to be posted")
		}
		e.post()
		if comments := e.comments(pull); len(comments) != 1 || !strings.Contains(comments[0], "applied, 1 done") {
			t.Errorf("the comments are %q", comments)
		}
		e.wantStatus(pull.Merged, "success", "applied, 1 done")
	})
}
