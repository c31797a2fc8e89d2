package run_test

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"iter"
	"maps"
	"slices"
	"strings"
	"testing/fstest"
	"time"

	"github.com/seed-d64a251c/roster/internal/audit"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// What a sabotaged run reads.

// alteredDeclarations is a source with altered commits.
type alteredDeclarations struct {
	reconcile.Source
	alter func(*schema.Declarations) *schema.Declarations
}

func (s alteredDeclarations) Declarations(ctx context.Context, commit string) (*schema.Declarations, error) {
	d, err := s.Source.Declarations(ctx, commit)
	if err != nil {
		return nil, err
	}
	return s.alter(d), nil
}

// newestApprovals is a source that has the newest commit as the one that added each approval.
type newestApprovals struct {
	reconcile.Source
	h *hostile
}

func (s newestApprovals) ApprovalCommits(_ context.Context, head string,
	digests []string) (map[string]reconcile.CommitRef, error) {
	out := map[string]reconcile.CommitRef{}
	for _, digest := range digests {
		out[digest] = reconcile.CommitRef{ID: head}
	}
	return out, nil
}

// undatedApprovals is a source that does not know when approvals were added.
type undatedApprovals struct{ reconcile.Source }

func (s undatedApprovals) ApprovalCommits(ctx context.Context, head string,
	digests []string) (map[string]reconcile.CommitRef, error) {
	out, err := s.Source.ApprovalCommits(ctx, head, digests)
	for digest, ref := range out {
		ref.Time = time.Time{}
		out[digest] = ref
	}
	return out, err
}

// newestPolicy is a source that has the provisioners of the newest commit in all commits.
type newestPolicy struct {
	reconcile.Source
	h *hostile
}

func (s newestPolicy) Declarations(ctx context.Context, commit string) (*schema.Declarations, error) {
	d, err := s.Source.Declarations(ctx, commit)
	if err != nil {
		return nil, err
	}
	out := *d
	out.Provisioners = s.h.Commits[len(s.h.Commits)-1].Provisioners
	return &out, nil
}

// alteredAudit alters what a run reads of earlier runs.
type alteredAudit struct {
	reconcile.Audit
	m     *machine
	alter func(*machine, *reconcile.AuditState)
}

func loadWith(alter func(*machine, *reconcile.AuditState)) func(*machine, reconcile.Audit) reconcile.Audit {
	return func(m *machine, a reconcile.Audit) reconcile.Audit { return alteredAudit{a, m, alter} }
}

func (a alteredAudit) LoadState(ctx context.Context, provisioner string) (*reconcile.AuditState, error) {
	state, err := a.Audit.LoadState(ctx, provisioner)
	if err != nil {
		return nil, err
	}
	out := *state
	if state.Status != nil {
		status := *state.Status
		out.Status = &status
	}
	a.alter(a.m, &out)
	return &out, nil
}

// undeletedStatus is a branch that still has the newest status that was deleted.
type undeletedStatus struct {
	*auditBranch
	h *hostile
}

func (b undeletedStatus) Files(ctx context.Context, commit string) (fs.FS, error) {
	files, err := b.auditBranch.Files(ctx, commit)
	name := "status/" + b.h.org.provisioner() + ".json"
	out, ok := files.(fstest.MapFS)
	if !ok || err != nil || out[name] != nil {
		return files, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for at := commit; at != ""; at = b.commits[at].parent {
		if content := b.commits[at].files[name]; content != nil {
			out[name] = &fstest.MapFile{Data: content, Mode: 0o644}
			break
		}
	}
	return out, nil
}

// statusOnBranch returns the status on the branch; nil if there is none.
func (m *machine) statusOnBranch() *reconcile.Status {
	s := &reconcile.Status{}
	content := m.h.branch.files()["status/"+m.h.org.provisioner()+".json"]
	if json.Unmarshal(content, s) != nil {
		return nil
	}
	return s
}

// forgetful is the audit of a machine that knows only what is on the branch, and its journal.
type forgetful struct {
	reconcile.Audit
	m *machine
}

func (f forgetful) LoadState(ctx context.Context, provisioner string) (*reconcile.AuditState, error) {
	known, err := f.Audit.LoadState(ctx, provisioner)
	if err != nil {
		return nil, err
	}
	fresh := &audit.Recorder{Store: f.m.h.branch, StateDir: f.m.dir + "-fresh", Host: f.m.name, ReadOnly: true,
		Now: func() time.Time { return f.m.h.Now }}
	state, err := fresh.LoadState(ctx, provisioner)
	if err != nil {
		return nil, err
	}
	out := *state
	out.Interrupted = known.Interrupted
	return &out, nil
}

// alteredReports is an archive with altered reports.
type alteredReports struct {
	reconcile.Archive
	alter func(*reconcile.Report)
}

func (a alteredReports) SearchReports(ctx context.Context, provisioner string,
	match func(*reconcile.Report) (bool, error)) (*reconcile.Report, error) {
	altered := func(r *reconcile.Report) *reconcile.Report {
		out := *r
		a.alter(&out)
		return &out
	}
	r, err := a.Archive.SearchReports(ctx, provisioner,
		func(r *reconcile.Report) (bool, error) { return match(altered(r)) })
	if err != nil {
		return nil, err
	}
	return altered(r), nil
}

// printsAll is an archive that has a report which printed each digest, for the first commit.
type printsAll struct {
	reconcile.Archive
	h *hostile
}

func (a printsAll) SearchReports(ctx context.Context, provisioner string,
	match func(*reconcile.Report) (bool, error)) (*reconcile.Report, error) {
	found, err := a.Archive.SearchReports(ctx, provisioner, match)
	if !errors.Is(err, fs.ErrNotExist) {
		return found, err
	}
	for _, digest := range slices.Sorted(maps.Keys(a.h.org.approvals)) {
		for _, p := range a.h.declarations().Provisioners {
			r := &reconcile.Report{Run: "sabotage", Identity: p.Identity(), HeldDigest: digest,
				Commit: reconcile.CommitRef{ID: "commit-1"}}
			if ok, err := match(r); ok || err != nil {
				return r, err
			}
		}
	}
	return nil, fs.ErrNotExist
}

// proven is an archive that has a creation of each object, under the key of its entry.
type proven struct {
	reconcile.Archive
	h *hostile
}

func (p proven) Provenance(_ context.Context, provisioners []string, _ reconcile.ProvenanceQuery) (
	map[string][]reconcile.Provenance, error,
) {
	out := map[string][]reconcile.Provenance{}
	l := readLedger(p.h.branch.files(), provisioners[0])
	add := func(kind reconcile.Kind, entries map[string]reconcile.Owned) {
		for key, owned := range entries {
			out[owned.ID] = append(out[owned.ID], reconcile.Provenance{Kind: kind, Key: key, Run: "sabotage",
				Commit: commitID(len(p.h.orgs))})
		}
	}
	add(reconcile.CreateUser, l.Users)
	add(reconcile.CreateGroup, l.Groups)
	return out, nil
}

// alteredDirectory is a directory with altered objects.
type alteredDirectory struct {
	reconcile.Directory
	user  func(*reconcile.RemoteUser)
	group func(*reconcile.RemoteGroup)
}

func altered[T any](seq iter.Seq2[T, error], alter func(*T)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for v, err := range seq {
			if alter(&v); !yield(v, err) {
				return
			}
		}
	}
}

func (d alteredDirectory) Users(ctx context.Context) iter.Seq2[reconcile.RemoteUser, error] {
	return altered(d.Directory.Users(ctx), d.user)
}

func (d alteredDirectory) Groups(ctx context.Context) iter.Seq2[reconcile.RemoteGroup, error] {
	return altered(d.Directory.Groups(ctx), d.group)
}

func (d alteredDirectory) User(ctx context.Context, id string) (reconcile.RemoteUser, bool, error) {
	u, ok, err := d.Directory.User(ctx, id)
	d.user(&u)
	return u, ok, err
}

func (d alteredDirectory) Group(ctx context.Context, id string) (reconcile.RemoteGroup, bool, error) {
	g, ok, err := d.Directory.Group(ctx, id)
	d.group(&g)
	return g, ok, err
}

// asInLedger shows the key that the ledger has for an id as its externalId.
func asInLedger(h *hostile, d reconcile.Directory) reconcile.Directory {
	l := readLedger(h.branch.files(), h.org.provisioner())
	keyOf := func(entries map[string]reconcile.Owned, id string) string {
		for key, owned := range entries {
			if owned.ID == id {
				return key
			}
		}
		return ""
	}
	return alteredDirectory{d, func(u *reconcile.RemoteUser) {
		if key := keyOf(l.Users, u.ID); key != "" {
			u.Attributes = slices.DeleteFunc(slices.Clone(u.Attributes),
				func(a schema.Attribute) bool { return a.Path == "externalId" })
			i, _ := slices.BinarySearchFunc(u.Attributes, "externalId",
				func(a schema.Attribute, path string) int { return strings.Compare(a.Path, path) })
			u.Attributes = slices.Insert(u.Attributes, i, schema.Attribute{Path: "externalId", Value: key})
		}
	}, func(g *reconcile.RemoteGroup) {
		if key := keyOf(l.Groups, g.ID); key != "" {
			g.ExternalID = key
		}
	}}
}
