package forge

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/internal/forge/forgetest"
)

// contributed returns the contributions as text: the accounts of each commit, and the pushes.
func contributed(c Contributions) []string {
	out := []string{}
	for commit, authors := range c.Commits {
		line := "commit " + commit[:1] + " " + strings.Join(authors.Accounts, " ")
		if authors.Unmapped {
			line += " ?"
		}
		out = append(out, line)
	}
	for _, p := range c.Pushes {
		line := "push " + p.Account + " "
		if len(p.Commits) > 0 {
			for _, commit := range p.Commits {
				line += commit[:1]
			}
		} else {
			line += p.From[:min(1, len(p.From))] + ".." + p.To[:1]
		}
		out = append(out, line)
	}
	if c.Incomplete {
		out = append(out, "incomplete")
	}
	slices.Sort(out)
	return out
}

func TestContributionsAreThoseOfThePullRequest(t *testing.T) {
	at := func(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }
	newBranch := strings.Repeat("0", 40)
	for _, test := range []struct {
		name     string
		pull     *forgetest.Pull
		noPushes bool
		want     map[Kind][]string // "" is for the forges that the map does not name
	}{
		{name: "a commit by its opener", pull: &forgetest.Pull{Own: []forgetest.Commit{commit(sha("1"), "ann", "ann")},
			Pushes: []forgetest.Push{{By: "ann", Before: newBranch, After: sha("1"), At: at(0)}}},
			want: map[Kind][]string{"": {"commit 1 ann ann", "push ann ..1"}, KindGitLab: {"push ann ..1"}}},
		{name: "a colleague pushes a commit in the name of the opener",
			pull: &forgetest.Pull{Own: []forgetest.Commit{commit(sha("1"), "ann", "ann"), commit(sha("2"), "ann",
				"ann")},
				Pushes: []forgetest.Push{{By: "ann", Before: newBranch, After: sha("1"), At: at(0)},
					{By: "bob", Before: sha("1"), After: sha("2"), At: at(5)}}},
			want: map[Kind][]string{"": {"commit 1 ann ann", "commit 2 ann ann", "push ann ..1", "push bob 1..2"},
				KindGitLab: {"push ann ..1", "push bob 1..2"}}},
		{name: "an author without an account", pull: &forgetest.Pull{Own: []forgetest.Commit{commit(sha("1"), "",
			"ann")}},
			want: map[Kind][]string{"": {"commit 1 ann ?"}, KindGitLab: {}}},
		{name: "a commit on the page of the forge",
			pull: &forgetest.Pull{Own: []forgetest.Commit{commit(sha("1"), "ann", "web-flow")}},
			want: map[Kind][]string{KindGitHub: {"commit 1 ann"}, KindGitLab: {},
				KindGitea: {"commit 1 ann web-flow"}}},
		{name: "the forge does not give pushes", noPushes: true,
			pull: &forgetest.Pull{Own: []forgetest.Commit{commit(sha("1"), "ann", "ann")},
				Pushes: []forgetest.Push{{By: "bob", Before: newBranch, After: sha("1"), At: at(0)}}},
			want: map[Kind][]string{"": {"commit 1 ann ann"}, KindGitLab: {}}},
		{name: "pushes to another branch, and after the merge",
			pull: &forgetest.Pull{Own: []forgetest.Commit{commit(sha("1"), "ann", "ann")},
				Pushes: []forgetest.Push{{By: "bob", Before: newBranch, After: sha("1"), At: at(0), Branch: "other"},
					{By: "cleo", Before: newBranch, After: sha("1"), At: at(90)}}},
			want: map[Kind][]string{"": {"commit 1 ann ann"}, KindGitLab: {}}},
		{name: "pushes in the timeline",
			pull: &forgetest.Pull{Own: []forgetest.Commit{commit(sha("1"), "ann", "ann")},
				Timeline: []forgetest.TimelinePush{
					{By: "bob", Commits: []string{sha("1"), sha("2")}, At: at(5)},
					{By: "cleo", Commits: []string{sha("2"), sha("3")}, Force: true, At: at(6)}}},
			want: map[Kind][]string{"": {"commit 1 ann ann"}, KindGitLab: {},
				KindGitea: {"commit 1 ann ann", "push bob 12", "push cleo 2..3"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			eachForge(t, func(t *testing.T, kind Kind, s *fixture) {
				p := *test.pull
				p.Number, p.Author, p.Head, p.Base, p.Merged = 7, "ann", sha("3"), "main", sha("9")
				p.Created, p.MergedAt = noon, at(60)
				s.Pulls, s.NoPushes = []*forgetest.Pull{&p}, test.noPushes
				pr, ok, err := s.Merged(t.Context(), "main", sha("9"))
				if err != nil || !ok {
					t.Fatal(ok, err)
				}
				c, err := s.Contributions(t.Context(), pr)
				if err != nil {
					t.Fatal(err)
				}
				want, ok := test.want[kind]
				if !ok {
					want = test.want[""]
				}
				if have := contributed(c); !slices.Equal(have, want) {
					t.Errorf("%q; want %q", have, want)
				}
			})
		})
	}
}

func TestContributionsReadABoundedNumberOfPages(t *testing.T) {
	eachForge(t, func(t *testing.T, kind Kind, s *fixture) {
		p := &forgetest.Pull{Number: 7, Author: "ann", Head: sha("3"), Base: "main", Merged: sha("9"), Created: noon,
			MergedAt: noon.Add(time.Hour)}
		for i := range 3000 {
			p.Pushes = append(p.Pushes, forgetest.Push{By: fmt.Sprint("user", i), Before: sha("1"), After: sha("2"),
				At: noon})
		}
		s.Pulls = []*forgetest.Pull{p}
		pr, _, err := s.Merged(t.Context(), "main", sha("9"))
		if err != nil {
			t.Fatal(err)
		}
		s.Sent("GET")
		c, err := s.Contributions(t.Context(), pr)
		if err != nil {
			t.Fatal(err)
		}
		if n := s.Sent("GET"); n > maxPushPages+3 {
			t.Errorf("%d requests; want at most %d", n, maxPushPages+3)
		}
		if !c.Incomplete && kind != KindGitLab { // on GitLab a commit without a push has no account
			t.Error("the contributions are not marked as incomplete")
		}
	})
}
