package reportindex

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"testing"
	"testing/fstest"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

var noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// branch is an audit branch whose files are counted when they are read.
type branch struct {
	t     *testing.T
	files fstest.MapFS
	head  int
	last  *reconcile.ReportLink
	reads int
}

func (b *branch) Open(name string) (fs.File, error) { b.reads++; return b.files.Open(name) }

func (b *branch) put(name string, value any) string {
	b.t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		b.t.Fatal(err)
	}
	b.files[name] = &fstest.MapFile{Data: data}
	digest := sha256.Sum256(data)
	return hex.EncodeToString(digest[:])
}

// add adds a report to the chain of aws.
func (b *branch) add(r reconcile.Report) {
	b.t.Helper()
	b.head++
	r.Version, r.Provisioner, r.Previous = 1, "aws", b.last
	r.Run = fmt.Sprint("run-", b.head)
	name := fmt.Sprintf("reports/aws/2026/11/30/%d.json", b.head)
	b.last = &reconcile.ReportLink{Path: name, SHA256: b.put(name, &r)}
	b.put("status/aws.json", &reconcile.Status{Version: 1, Provisioner: "aws", Report: *b.last})
}

func newIndex(t *testing.T) (*Index, *branch) {
	b := &branch{t: t, files: fstest.MapFS{}}
	return &Index{Now: func() time.Time { return noon }, Log: slog.New(slog.DiscardHandler),
		Files: func(context.Context) (string, fs.FS, error) { return fmt.Sprint(b.head), b, nil }}, b
}

func refresh(t *testing.T, x *Index) Reports {
	t.Helper()
	if err := x.Refresh(t.Context(), "aws"); err != nil {
		t.Fatal(err)
	}
	return x.Reports("aws")
}

func done(kind reconcile.Kind, key, member string, origin reconcile.Origin) reconcile.Done {
	return reconcile.Done{Result: reconcile.ResultDone, Change: &reconcile.Change{Kind: kind, Key: key, Member: member,
		Origin: origin}}
}

func TestReportsAreCountedOnce(t *testing.T) {
	x, b := newIndex(t)
	if got := x.Reports("aws"); got.Ready || len(got.Lines) > 0 {
		t.Errorf("before the first reading there is %+v", got)
	}
	b.add(reconcile.Report{Outcome: reconcile.RunApplied, Finished: noon.Add(-time.Hour), Changes: []reconcile.Done{
		done(reconcile.CreateUser, "u-1", "", "intended"), done(reconcile.AddMember, "sre", "u-1", "drift"),
		{Result: reconcile.ResultHeld, Change: &reconcile.Change{Kind: reconcile.DeactivateUser, Key: "u-2"}}}})
	got := refresh(t, x)
	line := got.Lines[0]
	if !got.Ready || !got.Since.IsZero() || len(got.Lines) != 1 || !line.Counted || line.Drift != 1 ||
		line.Effects[reconcile.EffectJoins] != 1 || line.Effects[reconcile.EffectLeaves] != 0 {
		t.Errorf("got %+v", got)
	}
	for ref, want := range map[string]bool{reconcile.UserRef("u-1"): true, reconcile.UserRef("u-2"): true,
		reconcile.GroupRef("sre"): true, reconcile.UserRef("sre"): false, reconcile.GroupRef("u-1"): false} {
		if line.MayName(ref) != want {
			t.Errorf("it may name %s: %t", ref, !want)
		}
	}
	b.reads = 0
	refresh(t, x)
	if b.reads != 0 {
		t.Errorf("%d files are read although the branch has not moved", b.reads)
	}
	for range 50 {
		b.add(reconcile.Report{Outcome: reconcile.RunInSync, Finished: noon})
	}
	refresh(t, x)
	b.reads = 0
	b.add(reconcile.Report{Outcome: reconcile.RunInSync, Finished: noon})
	if got = refresh(t, x); len(got.Lines) != 52 || got.Lines[0].Run != "run-52" || got.Lines[51].Run != "run-1" {
		t.Errorf("there are %d lines from %s", len(got.Lines), got.Lines[0].Run)
	}
	if b.reads > 5 {
		t.Errorf("%d files are read for one new report", b.reads)
	}
}

func TestOldReportsAreLeftOut(t *testing.T) {
	x, b := newIndex(t)
	for _, days := range []int{200, 100, 95, 10, 1} {
		b.add(reconcile.Report{Outcome: reconcile.RunHeld, Finished: noon.AddDate(0, 0, -days)})
	}
	got := refresh(t, x)
	if len(got.Lines) != 3 || !got.Since.Equal(noon.AddDate(0, 0, -95)) {
		t.Errorf("got %d lines since %v; want those of the window and the one before it", len(got.Lines), got.Since)
	}
	x.Now = func() time.Time { return noon.AddDate(0, 0, 95) }
	b.add(reconcile.Report{Outcome: reconcile.RunHeld, Finished: noon.AddDate(0, 0, 95)})
	if got = refresh(t, x); len(got.Lines) != 2 || !got.Since.Equal(noon.AddDate(0, 0, -1)) {
		t.Errorf("95 days later there are %d lines since %v", len(got.Lines), got.Since)
	}
}

func TestABrokenChainSaysWhereItEnds(t *testing.T) {
	x, b := newIndex(t)
	for range 3 {
		b.add(reconcile.Report{Outcome: reconcile.RunInSync, Finished: noon})
	}
	b.put("reports/aws/2026/11/30/1.json", &reconcile.Report{Version: 1, Provisioner: "aws", Run: "forged"})
	got := refresh(t, x)
	if len(got.Lines) != 2 || got.Problem == "" {
		t.Errorf("got %d lines, %q", len(got.Lines), got.Problem)
	}
	b.files, b.last = fstest.MapFS{}, nil
	b.add(reconcile.Report{Outcome: reconcile.RunInSync, Finished: noon})
	if got = refresh(t, x); len(got.Lines) != 1 || got.Problem != "" {
		t.Errorf("of another branch there are %d lines, %q", len(got.Lines), got.Problem)
	}
}

func TestHeldChangesAreHeldSinceTheFirstRunThatHeldThem(t *testing.T) {
	x, b := newIndex(t)
	group := func(commit string) reconcile.HeldGroup {
		return reconcile.HeldGroup{Cause: reconcile.Cause{Kind: reconcile.CauseCommit, Commit: commit}}
	}
	for i, groups := range [][]reconcile.HeldGroup{{group("a")}, {}, {group("a")}, {group("a"), group("b")}} {
		b.add(reconcile.Report{Outcome: reconcile.RunHeld, Finished: noon.Add(time.Duration(i-10) * time.Hour),
			HeldGroups: groups})
	}
	lines := refresh(t, x).Lines
	for commit, hours := range map[string]int{"a": -8, "b": -7} {
		g := group(commit)
		if since := HeldSince(lines, g.Title()); !since.Equal(noon.Add(time.Duration(hours) * time.Hour)) {
			t.Errorf("%s is held since %v", commit, since)
		}
	}
	if since := HeldSince(lines, "another"); !since.IsZero() {
		t.Errorf("what is not held is held since %v", since)
	}
}

func TestManyChangesOfOneReportMayNameEverything(t *testing.T) {
	x, b := newIndex(t)
	var changes []reconcile.Done
	for i := range maxRefs + 10 {
		changes = append(changes, done(reconcile.CreateUser, fmt.Sprint("u-", i), "", "intended"))
	}
	b.add(reconcile.Report{Outcome: reconcile.RunApplied, Finished: noon, Changes: changes})
	if line := refresh(t, x).Lines[0]; !line.MayName(reconcile.UserRef("nobody")) || !line.Counted {
		t.Errorf("got %+v", line)
	}
}

func TestRunReadsWhatIsAskedFor(t *testing.T) {
	x, b := newIndex(t)
	b.add(reconcile.Report{Outcome: reconcile.RunInSync, Finished: noon})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	read := make(chan struct{}, 8)
	files := x.Files
	x.Files = func(ctx context.Context) (string, fs.FS, error) {
		defer func() { read <- struct{}{} }()
		return files(ctx)
	}
	x.Reports("aws")
	go func() { defer close(ended); x.Run(ctx) }()
	<-read
	cancel()
	<-ended
}
