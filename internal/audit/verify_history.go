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

// checkHistory compares the earlier commits of the branch with the chain. The chain must have each
// report that was once the newest, and a report for each intent.
func (v *verifier) checkHistory(ctx context.Context) error {
	intents := map[string]reconcile.Intent{} // of runs without a report, by run
	defer v.addUnreportedRuns(intents)
	if v.History == nil {
		v.proof.addNotProved("that all earlier reports are still there: the history of the branch was not given")
		return v.collectIntents(BranchCommit{ID: "head", Files: v.Files}, intents)
	}
	reached := 0 // the position in the chain that the history has reached
	ledgers, statuses := &ledgerHistory{sums: map[string]string{}}, &statusHistory{}
	for commit, err := range v.History {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		if reached == len(v.links)-1 && v.precedesStart(commit) {
			continue
		}
		if err := v.collectIntents(commit, intents); err != nil {
			return err
		}
		s, err := statuses.read(commit.Files, v.Provisioner)
		switch {
		case malformed(err):
			v.proof.addFailure("commit "+commit.ID, "%v", err)
			continue
		case err != nil:
			return err
		case s == nil: // before the first report
			continue
		}
		position, ok := v.position[s.Report]
		if !ok && v.verifiedBefore(s.Report) {
			continue
		}
		switch {
		case !ok:
			v.proof.addFailure("commit "+commit.ID,
				"its newest report %s (SHA-256 %s) is not in the chain: it was removed, or the chain was rewritten",
				s.Report.Path, s.Report.SHA256)
		case position < reached:
			v.proof.addFailure("commit "+commit.ID, "the order of its newest report %s differs from the chain",
				s.Report.Path)
		default:
			if err := ledgers.check(v, commit, v.links[position].Report.LedgerDigest); err != nil {
				return err
			}
		}
		reached = max(reached, position)
	}
	return nil
}

func (v *verifier) collectIntents(commit BranchCommit, into map[string]reconcile.Intent) error {
	open, err := readIntents(commit.Files, v.Provisioner)
	if malformed(err) {
		v.proof.addFailure("commit "+commit.ID, "%v", err)
		return nil
	}
	if err != nil {
		return err
	}
	for _, in := range open.except("") {
		if _, reported := v.runs[in.Run]; !reported {
			into[in.Run] = in
		}
	}
	return nil
}

// addUnreportedRuns adds the runs that have an intent but no report.
func (v *verifier) addUnreportedRuns(intents map[string]reconcile.Intent) {
	for _, run := range slices.Sorted(maps.Keys(intents)) {
		in := intents[run]
		v.proof.addNotProved("what run %s on %s, started at %s, did of its %s: it has no report",
			run, in.Host, in.Started.Format(time.RFC3339), reconcile.CountChanges(in.ReleasedChanges))
	}
}

// statusHistory reads the status of each commit, and that of neighbors with the same file once:
// half of the commits are intents.
type statusHistory struct {
	hash   string // of the file; "" if it is not known
	status *reconcile.Status
}

func (h *statusHistory) read(files fs.FS, provisioner string) (*reconcile.Status, error) {
	hash := hashOf(files, statusPath(provisioner))
	if hash != "" && hash == h.hash {
		return h.status, nil
	}
	s, err := readStatus(files, provisioner)
	if h.hash = ""; err == nil {
		h.hash, h.status = hash, s
	}
	return s, err
}

// hashOf returns the file system's hash of a file or folder; "" if it has none, or if the name is
// something else, such as a link with the same content.
func hashOf(files fs.FS, name string) string {
	hashed, ok := files.(hasher)
	if !ok {
		return ""
	}
	if info, err := fs.Stat(files, name); err != nil || !info.IsDir() && !info.Mode().IsRegular() {
		return ""
	}
	hash, err := hashed.Hash(name)
	if err != nil {
		return ""
	}
	return hash
}

// ledgerHistory compares the ledger of each commit with the digest in its newest report.
type ledgerHistory struct {
	folder, last string            // the hash of the last folder, and its digest; "" if not known
	sums         map[string]string // SHA-256 of files, by the file system's hash of their content
	mismatch     string            // the wrong digest of the next newer commit; "" if it was right
	failure      int               // the index of its failure in the proof
}

func (h *ledgerHistory) check(v *verifier, commit BranchCommit, want string) error {
	if want == "" {
		return nil
	}
	have, err := h.digest(commit.Files, v.Provisioner)
	if err != nil {
		return err
	}
	switch {
	case have == want:
		h.mismatch = ""
	case have == h.mismatch: // this commit or an older one introduced it
		v.proof.Failures[h.failure].Location = "commit " + commit.ID
	default:
		h.mismatch, h.failure = have, len(v.proof.Failures)
		v.proof.addFailure("commit "+commit.ID,
			"the digest of its ledger is %s, but its newest report has the ledger digest %s", have, want)
	}
	return nil
}

// hasher is a file system that has a hash of the content of each file, like Git.
type hasher interface {
	Hash(name string) (string, error)
}

// digest returns the digest of a ledger. It reads a file, and the folder of neighboring commits,
// only once, if the file system has hashes.
func (h *ledgerHistory) digest(files fs.FS, provisioner string) (string, error) {
	folder := hashOf(files, ledgerDir(provisioner))
	if folder != "" && folder == h.folder {
		return h.last, nil
	}
	digest, err := h.read(files, provisioner)
	if h.folder = ""; err == nil {
		h.folder, h.last = folder, digest
	}
	return digest, err
}

func (h *ledgerHistory) read(files fs.FS, provisioner string) (string, error) {
	entries, err := fs.ReadDir(files, ledgerDir(provisioner))
	if errors.Is(err, fs.ErrInvalid) {
		return "not a folder", nil
	}
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
	hash := ""
	if hashed, ok := files.(hasher); ok {
		var err error
		if hash, err = hashed.Hash(name); err != nil {
			return "", err
		}
		if have, ok := h.sums[hash]; ok {
			return have, nil
		}
	}
	data, err := fs.ReadFile(files, name)
	if errors.Is(err, fs.ErrInvalid) {
		return "not a file", nil
	}
	if err != nil {
		return "", err
	}
	out := sum(data)
	if hash != "" {
		h.sums[hash] = out
	}
	return out, nil
}
