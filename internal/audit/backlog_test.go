package audit

import (
	"os"
	"path/filepath"
	"testing"
)

func TestUnpublishedCountsProvisioners(t *testing.T) {
	r := &Recorder{StateDir: t.TempDir()}
	if n := r.Unpublished(); n != 0 {
		t.Errorf("without folders, it is %d", n)
	}
	for _, name := range []string{"pending/aws.json", "queue/aws.json", "queue/dev.json", "queue/x.damaged"} {
		path := filepath.Join(r.StateDir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if n := r.Unpublished(); n != 2 {
		t.Errorf("it is %d, want 2", n)
	}
}
