package evaluator

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/seed-d64a251c/roster/internal/atomicfile"
)

// Verdicts remembers on disk which trees cannot be evaluated, and which inputs CUE may evaluate in
// this process because a child has evaluated them. A nil Verdicts remembers nothing.
type Verdicts struct {
	file    string
	version string

	mu   sync.Mutex
	data verdictFile
	// aside is where a damaged file was set aside; "" if it was not damaged.
	aside string
}

// verdictFile is the format of the file.
type verdictFile struct {
	Version int `json:"version"`
	// Program is the version of roster. Another version may evaluate what this one cannot.
	Program string `json:"program"`
	// Failures are by the hash of the tree, or "head:" and the hash of the tree that was merged.
	Failures map[string]Failure `json:"failures"`
	// Verified are digests of inputs, the newest last.
	Verified []string `json:"verified"`
	// Loading is the commit that a process is loading. A process that finds it at its start knows
	// that the earlier one ended during the load.
	Loading string `json:"loading,omitempty"`
}

// Failure is why a tree cannot be evaluated.
type Failure struct {
	Reason     string    `json:"reason"`
	Repeatable bool      `json:"repeatable"`
	Limits     string    `json:"limits"`
	Tries      int       `json:"tries"`
	Time       time.Time `json:"time"` // of the last try
}

const (
	// maxTries is the number of evaluations of a tree whose failure may not repeat itself.
	maxTries = 3
	// retryAfter is the time after which such a tree is evaluated again.
	retryAfter = time.Hour
	// maxFailures and maxVerified are the numbers of trees and digests that are kept.
	maxFailures = 1000
	maxVerified = 200
)

// OpenVerdicts reads the file, if it exists. Version is that of roster. A damaged file is set
// aside, because everything in it can be found again.
func OpenVerdicts(file, version string) (*Verdicts, error) {
	v := &Verdicts{file: file, version: version}
	data, err := os.ReadFile(file)
	unreadable := atomicfile.Unreadable(err)
	if err != nil && !unreadable && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read verdicts: %w", err)
	}
	if unreadable || err == nil && (json.Unmarshal(data, &v.data) != nil || v.data.Version != 1) {
		v.data = verdictFile{}
		if v.aside, err = atomicfile.MoveDamaged(file); err != nil {
			return nil, fmt.Errorf("set damaged verdicts aside: %w", err)
		}
	}
	v.data.Version = 1
	if v.data.Program != version {
		v.data.Program, v.data.Failures, v.data.Verified = version, nil, nil
	}
	if v.data.Failures == nil {
		v.data.Failures = map[string]Failure{}
	}
	return v, nil
}

// Aside returns where a damaged file was set aside; "" if it was not damaged.
func (v *Verdicts) Aside() string { return v.aside }

// find returns the error of a tree that will not be evaluated again, or nil.
func (v *Verdicts) find(tree string, limits Limits, now time.Time) error {
	if v == nil || tree == "" {
		return nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	f, ok := v.data.Failures[tree]
	if !ok || f.Limits != limits.String() || !f.final(now) {
		return nil
	}
	return f.err()
}

func (f Failure) final(now time.Time) bool {
	return f.Repeatable || f.Tries >= maxTries && now.Sub(f.Time) < retryAfter
}

func (f Failure) err() error {
	reason := f.Reason
	if !f.Repeatable {
		reason += fmt.Sprintf(" (%d attempts)", f.Tries)
	}
	return &Error{Reason: reason, Repeatable: f.Repeatable, Final: true}
}

// add remembers a failure. The error that it returns is final if the tree will not be evaluated
// again.
func (v *Verdicts) add(tree string, limits Limits, failed *Error, now time.Time) error {
	if v == nil || tree == "" {
		return &Error{Reason: failed.Reason, Repeatable: failed.Repeatable, Final: failed.Repeatable}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	f := v.data.Failures[tree]
	if f.Limits != limits.String() || now.Sub(f.Time) >= retryAfter {
		f.Tries = 0
	}
	f = Failure{failed.Reason, failed.Repeatable, limits.String(), f.Tries + 1, now.UTC()}
	v.data.Failures[tree] = f
	if len(v.data.Failures) > maxFailures {
		oldest := slices.MinFunc(slices.Collect(maps.Keys(v.data.Failures)), func(a, b string) int {
			return cmp.Or(v.data.Failures[a].Time.Compare(v.data.Failures[b].Time), cmp.Compare(a, b))
		})
		delete(v.data.Failures, oldest)
	}
	if err := v.save(); err != nil {
		return err
	}
	if f.final(now) {
		return f.err()
	}
	return failed
}

// Verified reports whether CUE may evaluate an input in this process.
func (v *Verdicts) Verified(digest string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Contains(v.data.Verified, digest)
}

// Verify remembers inputs that a child has evaluated.
func (v *Verdicts) Verify(digests ...string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.data.Verified = slices.DeleteFunc(v.data.Verified, func(d string) bool { return slices.Contains(digests, d) })
	v.data.Verified = append(v.data.Verified, digests...)
	v.data.Verified = slices.Delete(v.data.Verified, 0, max(0, len(v.data.Verified)-maxVerified))
	return v.save()
}

// Begin remembers that this process begins to load a commit. After the load, it calls end.
func (v *Verdicts) Begin(commit string) (end func() error, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.data.Loading = commit
	return func() error {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.data.Loading = ""
		return v.save()
	}, v.save()
}

// Interrupted returns the commit that an earlier process was loading when it ended; "" for none. It
// forgets what was verified: a child has to evaluate the commit before this process loads it.
func (v *Verdicts) Interrupted() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.data.Loading != "" {
		v.data.Verified = nil
	}
	return v.data.Loading
}

// save writes the file. The caller holds the lock.
func (v *Verdicts) save() error {
	data, err := json.Marshal(v.data)
	if err == nil {
		err = atomicfile.WriteBytes(v.file, 0o600, data)
	}
	if err != nil {
		return fmt.Errorf("write verdicts: %w", err)
	}
	return nil
}
