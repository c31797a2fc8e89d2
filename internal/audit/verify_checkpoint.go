package audit

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

// Checkpoint is what an earlier Verify without failures proved. With it, Verify checks only what is
// new. It is kept in the state directory.
type Checkpoint struct {
	Version     int    `json:"version"`
	Provisioner string `json:"provisioner"`
	// Head is the commit of the branch that was verified, and Report its newest report.
	Head   string               `json:"head"`
	Report reconcile.ReportLink `json:"report"`
	// Reports is the number of reports from Report back to the first one.
	Reports int `json:"reports"`
	// Checks are what was checked, see VerifyInput.Checks.
	Checks []string `json:"checks"`
	// StartsChain is that of the oldest report.
	StartsChain *reconcile.ChainStart `json:"startsChain,omitempty"`
	// NotProved is that of the proof, without what every proof says about itself.
	NotProved []string  `json:"notProved,omitempty"`
	Verified  time.Time `json:"verified"`
}

// checkpointLoss says what is lost with a damaged checkpoint.
const checkpointLoss = "what an earlier verification proved, so that everything is verified again"

func (r *Recorder) checkpointPath(provisioner string) string {
	return filepath.Join(r.StateDir, "verified", provisioner+".json")
}

// LoadCheckpoint returns the checkpoint of a provisioner in the state directory; nil if there is
// none.
func (r *Recorder) LoadCheckpoint(provisioner string) (*Checkpoint, error) {
	if err := checkName(provisioner); err != nil {
		return nil, err
	}
	c, err := readState[Checkpoint](r, r.checkpointPath(provisioner), checkpointLoss)
	if err != nil || c == nil || c.Provisioner != provisioner || c.Head == "" {
		return nil, err
	}
	return c, nil
}

// StoreCheckpoint stores a checkpoint in the state directory.
func (r *Recorder) StoreCheckpoint(c *Checkpoint) error {
	return r.writeState(r.checkpointPath(c.Provisioner), c)
}

// NextCheckpoint returns the checkpoint after a proof of the branch at head; nil if the proof has
// failures or no report. checks are what the proof checked.
func (p *Proof) NextCheckpoint(head string, checks []string, now time.Time) *Checkpoint {
	if len(p.Failures) > 0 || p.head == (reconcile.ReportLink{}) {
		return nil
	}
	return &Checkpoint{Version: version, Provisioner: p.Provisioner, Head: head, Report: p.head,
		Reports: p.VerifiedReports + p.earlier, Checks: checks, StartsChain: p.StartsChain,
		NotProved: p.aboutReports, Verified: now.UTC()}
}

// Covers reports whether the verification of a checkpoint made all of these checks.
func (c *Checkpoint) Covers(checks []string) bool {
	return !slices.ContainsFunc(checks, func(check string) bool { return !slices.Contains(c.Checks, check) })
}

// checkCheckpoint checks that the files at the checkpoint are still on the branch as they were:
// commits only add reports. It reads folders that differ.
func (v *verifier) checkCheckpoint() error {
	c := v.Since
	if c == nil {
		return nil
	}
	v.proof.earlier, v.proof.StartsChain = c.Reports, c.StartsChain
	v.proof.addNotProved("%s up to %s again: they were verified at commit %s on %s on this machine; verify without "+
		"--new to verify everything", countReports(c.Reports), c.Report.Path, short(c.Head),
		c.Verified.Format(time.RFC3339))
	for _, text := range c.NotProved {
		v.proof.addAboutReports("%s", text)
	}
	changed, err := changedFile(v.FilesSince, v.Files, reportsDir(v.Provisioner))
	if err != nil {
		return err
	}
	if changed != "" {
		v.proof.addFailure(changed, "it was changed or removed since commit %s, which was verified", short(c.Head))
	}
	return nil
}

func countReports(n int) string {
	if n == 1 {
		return "1 report"
	}
	return fmt.Sprintf("%d reports", n)
}

// atCheckpoint reports whether a report of the chain is the newest one of the checkpoint. Then the
// chain before it was verified.
func (v *verifier) atCheckpoint(l *ChainLink) bool {
	return v.Since != nil && l.ReportLink == v.Since.Report && l.Problem == ""
}

// verifiedBefore reports whether the checkpoint has a report: then a commit with it as its newest
// report was verified. A history whose dates are wrong may yield such commits.
func (v *verifier) verifiedBefore(l reconcile.ReportLink) bool {
	if v.Since == nil || !isReport(l.Path, v.Provisioner) {
		return false
	}
	data, err := readContent(v.FilesSince, l.Path)
	return err == nil && sum(data) == l.SHA256
}

// addedFiles returns the files below a folder that before does not have, sorted. Of two trees with
// hashes, it reads only the folders that differ.
func addedFiles(before, now fs.FS, dir string) ([]string, error) {
	if same, err := sameFile(before, now, dir); err == nil && same {
		return nil, nil
	}
	entries, err := fs.ReadDir(now, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		if e.IsDir() {
			below, err := addedFiles(before, now, name)
			if err != nil {
				return nil, err
			}
			out = append(out, below...)
			continue
		}
		found, err := exists(before, name)
		if err != nil {
			return nil, err
		}
		if !found {
			out = append(out, name)
		}
	}
	return out, nil
}
