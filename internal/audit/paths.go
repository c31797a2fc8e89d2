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

// validName matches names that can be part of a path. The keys of declarations match it.
var validName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,128}$`)

func checkName(provisioner string) error {
	if !validName.MatchString(provisioner) || provisioner == "." || provisioner == ".." {
		return fmt.Errorf("invalid provisioner name %q: want 1 to 128 letters, digits, dots, dashes or underscores",
			provisioner)
	}
	return nil
}

func statusPath(provisioner string) string  { return "status/" + provisioner + ".json" }
func intentsPath(provisioner string) string { return "intents/" + provisioner + ".json" }
func ledgerDir(provisioner string) string   { return "ledger/" + provisioner }
func reportsDir(provisioner string) string  { return "reports/" + provisioner }

// shardPath is the file of the ledger that has a key.
func shardPath(provisioner, key string) string {
	return ledgerDir(provisioner) + "/" + shardOf(key) + ".json"
}

// shardOf returns which of the 256 files of a ledger has a key. A run rewrites only the files of
// the keys that it changes.
func shardOf(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:1])
}

var hexCommit = regexp.MustCompile(`^[0-9a-f]{7,64}$`)

// short abbreviates a commit for file names and messages.
func short(commit string) string {
	if !hexCommit.MatchString(commit) {
		return "none"
	}
	return commit[:7]
}

// reportPath returns the path of a new report without its extension: day, time and commit. Further
// reports of the same second and commit get a number.
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

// sum returns the SHA-256 of a file as sha256sum prints it.
func sum(content []byte) string {
	s := sha256.Sum256(content)
	return hex.EncodeToString(s[:])
}

// normalizeTime returns a time as it is stored: in UTC, without the monotonic clock, which stops
// while a machine sleeps.
func normalizeTime(t time.Time) time.Time { return t.UTC().Round(0) }
