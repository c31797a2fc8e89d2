package audit

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"path"
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

// history holds the branch's earlier commits against the chain: what was once
// the newest report must be in it, and every run that was announced too.
func (v *verifier) history(ctx context.Context) error {
	announced := map[string]reconcile.Intent{}
	defer v.unreported(announced)
	if v.History == nil {
		v.proof.cannot("that reports which the branch had once are still there: its history was not given")
		return v.announced(Snapshot{Commit: "head", Files: v.Files}, announced)
	}
	at := 0 // how far back in the chain the history has come
	ledgers := &ledgerHistory{sums: map[string]string{}}
	for snapshot, err := range v.History {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		if err := v.announced(snapshot, announced); err != nil {
			return err
		}
		s, err := readStatus(snapshot.Files, v.Provisioner)
		switch {
		case malformed(err):
			v.proof.breaks("commit "+snapshot.Commit, "%v", err)
			continue
		case err != nil:
			return err
		case s == nil: // before the first report
			continue
		}
		place, ok := v.place[s.Report]
		switch {
		case !ok:
			v.proof.breaks("commit "+snapshot.Commit, "its newest report %s (SHA-256 %s) is not in the chain: it was removed, or the chain was made anew",
				s.Report.Path, s.Report.SHA256)
		case place < at:
			v.proof.breaks("commit "+snapshot.Commit, "its newest report %s came before one that the chain has after it", s.Report.Path)
		default:
			if err := ledgers.check(v, snapshot, v.links[place].Report.LedgerDigest); err != nil {
				return err
			}
		}
		at = max(at, place)
	}
	return nil
}

func (v *verifier) announced(s Snapshot, into map[string]reconcile.Intent) error {
	open, err := readIntents(s.Files, v.Provisioner)
	if malformed(err) {
		v.proof.breaks("commit "+s.Commit, "%v", err)
		return nil
	}
	if err != nil {
		return err
	}
	for _, in := range open.foreign("") {
		into[in.Run] = in
	}
	return nil
}

// unreported names the runs that were announced and left no report.
func (v *verifier) unreported(announced map[string]reconcile.Intent) {
	for _, run := range slices.Sorted(maps.Keys(announced)) {
		if _, ok := v.runs[run]; !ok {
			in := announced[run]
			v.proof.cannot("what run %s on %s, begun at %s, did of its %s: it has left no report", run, in.Host, in.Started.Format(time.RFC3339), changes(in.ReleasedChanges))
		}
	}
}

// ledgerHistory compares the ledger of each commit with the one that its newest
// report left.
type ledgerHistory struct {
	sums map[string]string // SHA-256 of files, by what the store calls their content
	last string            // the digest that did not fit in the commit after, "" when it did
	at   int               // where that stands in the proof
}

func (h *ledgerHistory) check(v *verifier, s Snapshot, want string) error {
	if want == "" {
		return nil
	}
	have, err := h.digest(s.Files, v.Provisioner)
	if err != nil {
		return err
	}
	switch {
	case have == want:
		h.last = ""
	case have == h.last: // it came in with this commit or an earlier one
		v.proof.Broken[h.at].At = "commit " + s.Commit
	default:
		h.last, h.at = have, len(v.proof.Broken)
		v.proof.breaks("commit "+s.Commit, "its ledger has the digest %s, its newest report left one with %s", have, want)
	}
	return nil
}

// hasher is a file system that knows its files by a name for their content, as
// Git does.
type hasher interface {
	Hash(name string) (string, error)
}

// digest is a ledger's digest; what was read before is not read again, if the
// file system can tell.
func (h *ledgerHistory) digest(files fs.FS, provisioner string) (string, error) {
	entries, err := fs.ReadDir(files, ledgerDir(provisioner))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	sums := map[string]string{}
	for _, e := range entries {
		name := path.Join(ledgerDir(provisioner), e.Name())
		if !e.Type().IsRegular() {
			sums[name] = "not a file"
			continue
		}
		if sums[name], err = h.sum(files, name); err != nil {
			return "", err
		}
	}
	return ledgerDigest(sums), nil
}

func (h *ledgerHistory) sum(files fs.FS, name string) (string, error) {
	content := ""
	if named, ok := files.(hasher); ok {
		var err error
		if content, err = named.Hash(name); err != nil {
			return "", err
		}
		if have, ok := h.sums[content]; ok {
			return have, nil
		}
	}
	data, err := fs.ReadFile(files, name)
	if err != nil {
		return "", err
	}
	out := sum(data)
	if content != "" {
		h.sums[content] = out
	}
	return out, nil
}
