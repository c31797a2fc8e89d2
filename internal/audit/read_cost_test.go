package audit

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"testing"
)

// reportReads is a Store that counts the reports that are read.
type reportReads struct {
	*gitStore
	reads *int
}

func (s reportReads) Files(ctx context.Context, commit string) (fs.FS, error) {
	files, err := s.gitStore.Files(ctx, commit)
	return reportReadsFS{files, s.reads}, err
}

type reportReadsFS struct {
	fs.FS
	reads *int
}

func (f reportReadsFS) Hash(name string) (string, error) { return f.FS.(hasher).Hash(name) }

func (f reportReadsFS) ReadFile(name string) ([]byte, error) {
	if strings.HasPrefix(name, reportsDir(prov)+"/") && path.Ext(name) == ".json" {
		*f.reads++
	}
	return fs.ReadFile(f.FS, name)
}

func TestARunReadsAsManyReportsAfterManyRunsAsAfterAFew(t *testing.T) {
	_, store := bareRepository(t)
	reads := 0
	r := &runner{recorder: newRecorder(t, reportReads{store, &reads}, stateDir(t)), aws: &directory{}}
	var after [2]int
	for i, until := range []int{5, 40} {
		for n := 0; n < until; n++ {
			reads = 0
			if _, err := r.run(t.Context(), fmt.Sprintf("run-%d-%d", i, n), fmt.Sprintf("u-%d-%d", i, n)); err != nil {
				t.Fatal(err)
			}
		}
		after[i] = reads
	}
	if after[0] == 0 || after[1] > after[0] {
		t.Errorf("a run read %d reports after 5 runs, and %d after 45", after[0], after[1])
	}
}
