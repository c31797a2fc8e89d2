package audit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/reconcile"
)

// Check is what Verify looks at: a provisioner's evidence in the files of the
// audit branch, at one commit or in a plain checkout. What else is given proves
// more; what is left out is named as unproven.
type Check struct {
	Provisioner string
	Files       fs.FS

	// Anchor is a commit that the branch had once, from a person's notes or this
	// machine's memory; Descends reports whether the branch still has it.
	Anchor   string
	Descends func(ctx context.Context, anchor string) (bool, error)
	// Signed checks that every commit of the branch is signed by somebody who is
	// allowed to. Its error says what is wrong.
	Signed func(ctx context.Context) error
	// Source reports whether a commit of declarations is in their repository.
	Source func(ctx context.Context, commit string) (bool, error)
	// History yields the commits of the branch, the newest first.
	History iter.Seq2[Snapshot, error]
	// Markdown renders a report, to be compared with the rendering beside it.
	Markdown func(*reconcile.Report) string
}

// Snapshot is the audit branch at one of its commits.
type Snapshot struct {
	Commit string
	Files  fs.FS
}

// Proof is what Verify found.
type Proof struct {
	Provisioner string `json:"provisioner"`
	// Reports is how many reports the chain proves to be what they were when the
	// next one was written, from Newest back to Oldest.
	Reports int                   `json:"reports"`
	Newest  *reconcile.ReportLink `json:"newest,omitempty"`
	Oldest  *reconcile.ReportLink `json:"oldest,omitempty"`
	// Broken is what does not hold, the nearest to the head of the chain first.
	Broken []Broken `json:"broken"`
	// Unproven is what was not looked at, or cannot be proven this way.
	Unproven []string `json:"unproven"`
}

// Broken is one thing that does not hold.
type Broken struct {
	At  string `json:"at"` // a path on the audit branch, or a commit
	Why string `json:"why"`
}

// Err returns the first thing that does not hold as an error, or nil.
func (p *Proof) Err() error {
	if len(p.Broken) == 0 {
		return nil
	}
	return fmt.Errorf("the audit of %s does not hold: %s: %s", p.Provisioner, p.Broken[0].At, p.Broken[0].Why)
}

func (p *Proof) breaks(at, format string, args ...any) {
	p.Broken = append(p.Broken, Broken{At: at, Why: fmt.Sprintf(format, args...)})
}

func (p *Proof) cannot(format string, args ...any) {
	p.Unproven = append(p.Unproven, fmt.Sprintf(format, args...))
}

// verifier is a Check under way.
type verifier struct {
	Check
	proof  *Proof
	links  []*Link
	place  map[reconcile.ReportLink]int // in links
	named  map[string]bool              // files that the chain names
	runs   map[string]int               // in links
	source map[string]bool
}

// Verify proves what it can of a provisioner's evidence and says what it cannot.
// The error is for what could not be read; what does not hold is in the proof.
func Verify(ctx context.Context, c Check) (*Proof, error) {
	v := &verifier{Check: c, proof: &Proof{Provisioner: c.Provisioner, Broken: []Broken{}, Unproven: []string{}},
		place: map[reconcile.ReportLink]int{}, named: map[string]bool{}, runs: map[string]int{}, source: map[string]bool{}}
	for _, step := range []func(context.Context) error{v.chain, v.strays, v.ledger, v.status, v.history, v.branch} {
		if err := step(ctx); err != nil {
			return nil, fmt.Errorf("verify the audit of %s: %w", c.Provisioner, err)
		}
	}
	return v.proof, nil
}

// chain follows the reports from the status to the first.
func (v *verifier) chain(ctx context.Context) error {
	for l, err := range Chain(v.Files, v.Provisioner) {
		if malformed(err) || errors.Is(err, fs.ErrNotExist) {
			return v.headless(err)
		}
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		if l.Broken != "" {
			v.proof.breaks(l.Path, "%s names this report, but %s", l.By, l.Broken)
		}
		if l.Report == nil {
			continue
		}
		if err := v.report(ctx, l); err != nil {
			return err
		}
		v.place[l.ReportLink] = len(v.links)
		v.links = append(v.links, l)
		if len(v.proof.Broken) == 0 {
			v.proof.Reports++
			v.proof.Oldest = &l.ReportLink
			if v.proof.Newest == nil {
				v.proof.Newest = &l.ReportLink
			}
		}
	}
	return nil
}

// headless is for a provisioner without a status that can be read. It is unknown
// if nothing else is there either.
func (v *verifier) headless(cause error) error {
	for _, dir := range []string{reportsDir(v.Provisioner), ledgerDir(v.Provisioner), statusPath(v.Provisioner)} {
		there, err := exists(v.Files, dir)
		if err != nil {
			return err
		}
		if there {
			v.proof.breaks(statusPath(v.Provisioner), "%v", cause)
			return nil
		}
	}
	return cause
}

func (v *verifier) report(ctx context.Context, l *Link) error {
	r := l.Report
	v.named[l.Path], v.named[strings.TrimSuffix(l.Path, ".json")+".md"] = true, true
	if _, again := v.runs[r.Run]; again {
		v.proof.breaks(l.Path, "run %s has another report in the chain", r.Run)
	}
	v.runs[r.Run] = len(v.links)
	for _, part := range r.Parts {
		v.named[part.Path] = true
		switch _, err := readPart(v.Files, part); {
		case errors.Is(err, fs.ErrNotExist):
			v.proof.breaks(part.Path, "%s names this part, but it is not there", l.Path)
		case malformed(err):
			v.proof.breaks(part.Path, "%s names this part, but %v", l.Path, errors.Unwrap(err))
		case err != nil:
			return err
		}
	}
	if err := v.rendering(l); err != nil {
		return err
	}
	return v.commit(ctx, l)
}

// rendering compares the Markdown beside a report with what we would write.
func (v *verifier) rendering(l *Link) error {
	if v.Markdown == nil {
		return nil
	}
	name := strings.TrimSuffix(l.Path, ".json") + ".md"
	have, err := fs.ReadFile(v.Files, name)
	if errors.Is(err, fs.ErrNotExist) {
		v.proof.cannot("%s is missing; the report itself is the JSON beside it", name)
		return nil
	}
	if err != nil {
		return err
	}
	whole, err := ReadReport(v.Files, l.Path)
	if err != nil || string(have) != v.Markdown(whole) { // what is wrong with the report is said elsewhere
		v.proof.cannot("%s is not what this version of roster makes of the report; go by the JSON beside it", name)
	}
	return nil
}

func (v *verifier) commit(ctx context.Context, l *Link) error {
	id := l.Report.Commit.ID
	if v.Source == nil || id == "" {
		return nil
	}
	there, asked := v.source[id]
	if !asked {
		var err error
		if there, err = v.Source(ctx, id); err != nil {
			return fmt.Errorf("look for commit %s: %w", id, err)
		}
		v.source[id] = there
	}
	if !there {
		v.proof.breaks(l.Path, "its source commit %s is not in the repository of declarations", id)
	}
	return nil
}

// strays finds reports that the chain does not name.
func (v *verifier) strays(context.Context) error {
	var strays []string
	err := fs.WalkDir(v.Files, reportsDir(v.Provisioner), func(name string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return fs.SkipAll
		}
		if err == nil && !d.IsDir() && !v.named[name] {
			strays = append(strays, name)
		}
		return err
	})
	if err != nil {
		return err
	}
	slices.Sort(strays)
	for _, name := range slices.Backward(strays) {
		v.proof.breaks(name, "no report and no status names it: it was inserted, or what named it was removed")
	}
	return nil
}

// ledger compares the ledger with the digest in the newest report.
func (v *verifier) ledger(context.Context) error {
	found, err := (&shelf{}).read(v.Files, v.Provisioner)
	switch {
	case malformed(err):
		v.proof.breaks(ledgerDir(v.Provisioner), "%v", err)
	case err != nil:
		return err
	case len(v.links) == 0:
	case v.links[0].Report.LedgerDigest == "":
		v.proof.cannot("the newest report does not say what ledger it left")
	case v.links[0].Report.LedgerDigest != found.digest:
		v.proof.breaks(ledgerDir(v.Provisioner), "the newest report left a ledger with the digest %s, this one has %s", v.links[0].Report.LedgerDigest, found.digest)
	}
	return nil
}

// status compares the status with the report of the run that it names.
func (v *verifier) status(context.Context) error {
	s, err := readStatus(v.Files, v.Provisioner)
	if malformed(err) || err == nil && s == nil {
		return nil // said before
	}
	if err != nil {
		return err
	}
	at := statusPath(v.Provisioner)
	i, ok := v.runs[s.Run]
	if !ok {
		v.proof.breaks(at, "it is of run %s, which has no report in the chain", s.Run)
		return nil
	}
	r := v.links[i].Report
	for _, c := range []struct {
		what        string
		have, wants any
	}{{"identity", s.Identity, r.Identity}, {"outcome", s.Outcome, r.Outcome}, {"commit", s.Commit.ID, r.Commit.ID}, {"digest", s.Digest, r.Digest},
		{"held digest", s.HeldDigest, r.HeldDigest}, {"end", s.Finished.UTC().String(), r.Finished.UTC().String()}} {
		if c.have != c.wants {
			v.proof.breaks(at, "its %s is %v, the report of run %s says %v", c.what, c.have, s.Run, c.wants)
		}
	}
	v.proof.cannot("what %s says of applied commits, spent approvals and removals stands in no report", at)
	return nil
}

// branch checks the commits themselves.
func (v *verifier) branch(ctx context.Context) error {
	if v.Source == nil {
		v.proof.cannot("that the source commits exist: their repository was not given")
	}
	if v.Signed == nil {
		v.proof.cannot("that nobody has made the whole branch anew: no allowed signers were given")
	} else if err := v.Signed(ctx); err != nil {
		if ctx.Err() != nil {
			return err
		}
		v.proof.breaks("the branch", "%v", err)
	}
	if v.Anchor == "" || v.Descends == nil {
		v.proof.cannot("that nothing was cut off at the end: no commit was given that the branch must have")
		return nil
	}
	ok, err := v.Descends(ctx, v.Anchor)
	if err != nil {
		return err
	}
	if !ok {
		v.proof.breaks("the branch", "commit %s is not in it any more: the end was cut off, or the branch was made anew", v.Anchor)
	}
	return nil
}

// Provisioners lists whose evidence is in the files of the audit branch.
func Provisioners(files fs.FS) ([]string, error) {
	names := map[string]bool{}
	for _, dir := range []string{"status", "reports", "ledger", "intents"} {
		entries, err := fs.ReadDir(files, dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for _, e := range entries {
			name := e.Name()
			if !e.IsDir() {
				name = strings.TrimSuffix(name, path.Ext(name))
			}
			if checkName(name) == nil {
				names[name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names)), nil
}
