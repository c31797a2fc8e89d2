package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

// validName is what may be part of a path: the keys of DESIGN's declarations,
// but for names that only consist of dots.
var validName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,128}$`)

func checkName(provisioner string) error {
	if !validName.MatchString(provisioner) || provisioner == "." || provisioner == ".." {
		return fmt.Errorf("%q cannot be the name of a provisioner: 1 to 128 letters, digits, dots, dashes and underscores", provisioner)
	}
	return nil
}

func statusPath(provisioner string) string  { return "status/" + provisioner + ".json" }
func intentsPath(provisioner string) string { return "intents/" + provisioner + ".json" }
func ledgerDir(provisioner string) string   { return "ledger/" + provisioner }
func reportsDir(provisioner string) string  { return "reports/" + provisioner }

// shardPath is where a key stands in the ledger.
func shardPath(provisioner, key string) string {
	return ledgerDir(provisioner) + "/" + shardOf(key) + ".json"
}

// shardOf spreads keys over 256 files, so that a run rewrites only those that
// it touches.
func shardOf(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:1])
}

var hexCommit = regexp.MustCompile(`^[0-9a-f]{7,64}$`)

// short is a commit as people write it, for file names and messages.
func short(commit string) string {
	if !hexCommit.MatchString(commit) {
		return "none"
	}
	return commit[:7]
}

// reportPath is where a report goes, without its ending: by the day and second
// that the run finished in. A second report of the same second and commit gets
// a number.
func reportPath(files fs.FS, r *reconcile.Report) (string, error) {
	at := r.Finished.UTC()
	dir := path.Join(reportsDir(r.Provisioner), at.Format("2006/01/02"))
	stem := path.Join(dir, at.Format("20060102T150405Z")+"-"+short(r.Commit.ID))
	for n := 1; ; n++ {
		name := stem
		if n > 1 {
			name = fmt.Sprintf("%s-%d", stem, n)
		}
		ok, err := exists(files, name+".json")
		if err != nil {
			return "", err
		}
		if !ok {
			return name, nil
		}
	}
}

// sum is the SHA-256 of a file as sha256sum prints it.
func sum(content []byte) string {
	s := sha256.Sum256(content)
	return hex.EncodeToString(s[:])
}

// stamp is a time as it is stored: UTC, without the monotonic clock, which does
// not run while a machine sleeps.
func stamp(t time.Time) time.Time { return t.UTC().Round(0) }
