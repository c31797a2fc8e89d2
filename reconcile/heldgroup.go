package reconcile

import (
	"fmt"
	"maps"
	"slices"

	"github.com/seed-d64a251c/roster/schema"
)

// HeldGroup is a part of the held changes that an approval can release: those with one cause.
type HeldGroup struct {
	Cause   Cause    `json:"cause"`
	Subject string   `json:"subject,omitempty"` // of the commit
	Author  string   `json:"author,omitempty"`  // of the commit
	Digest  string   `json:"digest"`
	Changes int      `json:"changes"`
	Users   int      `json:"users"` // that the changes are about
	Gates   []string `json:"gates"` // that hold them, sorted
}

// Title names the cause of a group.
func (g HeldGroup) Title() string {
	switch g.Cause.Kind {
	case CauseCommit:
		title := fmt.Sprintf("commit %.7s", g.Cause.Commit)
		if g.Subject != "" {
			title += " " + g.Subject
		}
		return title
	case CauseBefore:
		return fmt.Sprintf("commit %.7s and the commits before it", g.Cause.Commit)
	case CauseDrift:
		return "changed outside roster"
	case CauseDate:
		return "a date was reached"
	}
	return "the declarations"
}

// String returns the cause with the numbers of the group.
func (g HeldGroup) String() string {
	return fmt.Sprintf("%s: %s of %s, held by %s", g.Title(), CountChanges(g.Changes), schema.Count(g.Users, "user"),
		schema.ShortList(g.Gates, 5))
}

// heldGroups returns the groups of changes, ordered by cause. commits has the subjects and authors.
func heldGroups(identity string, held []Change, commits []CommitRef) []HeldGroup {
	byCause := map[Cause][]Change{}
	for _, c := range held {
		byCause[c.Cause] = append(byCause[c.Cause], c)
	}
	var out []HeldGroup
	for _, cause := range slices.SortedFunc(maps.Keys(byCause), Cause.compare) {
		changes := byCause[cause]
		g := HeldGroup{Cause: cause, Changes: len(changes),
			Digest: digest(identity, changes, func(*Change) bool { return true })}
		users, gates := map[string]bool{}, map[string]bool{}
		for i := range changes {
			switch c := &changes[i]; {
			case c.Member != "":
				users[c.Member] = true
			case c.Kind.OfUser():
				users[c.Key] = true
			}
			for _, h := range changes[i].Held() {
				gates[h.Gate] = true
			}
		}
		g.Users, g.Gates = len(users), slices.Sorted(maps.Keys(gates))
		if len(g.Gates) > 1 {
			g.Gates = slices.DeleteFunc(g.Gates, func(gate string) bool { return gate == "dependency" })
		}
		if i := slices.IndexFunc(commits, func(c CommitRef) bool { return c.ID == cause.Commit }); i >= 0 {
			g.Subject, g.Author = commits[i].Subject, commits[i].Author
		}
		out = append(out, g)
	}
	return out
}

// heldSets returns the digests of the held changes: of all, and of each group.
func (p *Plan) heldSets() []string {
	var out []string
	if d := p.heldDigest(); d != "" {
		out = append(out, d)
	}
	for _, g := range heldGroups(p.Identity, p.releasable(), nil) {
		if !slices.Contains(out, g.Digest) {
			out = append(out, g.Digest)
		}
	}
	return out
}

// releasable returns the held changes that an approval can release.
func (p *Plan) releasable() []Change {
	var out []Change
	for i := range p.Changes {
		if c := &p.Changes[i]; len(c.Held()) > 0 && c.Waiting() == "" && c.Approvable() {
			out = append(out, *c)
		}
	}
	return out
}

// GroupsOf returns the groups that a report printed with a digest: one of them, or all.
func (r *Report) GroupsOf(digest string) []HeldGroup {
	if r.HeldDigest == digest {
		return r.HeldGroups
	}
	return slices.DeleteFunc(slices.Clone(r.HeldGroups), func(g HeldGroup) bool { return g.Digest != digest })
}
