package filelock

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
)

func TestALockHasOneHolder(t *testing.T) {
	name := filepath.Join(t.TempDir(), "writer.lock")
	if have := Holder(name); have != "another process" {
		t.Errorf("the holder of a new lock is %q", have)
	}
	first, err := Try(name)
	if err != nil || first == nil {
		t.Fatalf("lock %v, %v", first, err)
	}
	first.Name("process 7 on host a")
	if second, err := Try(name); second != nil || err != nil {
		t.Fatalf("a held lock was taken: %v, %v", second, err)
	}
	if have := Holder(name); have != "process 7 on host a" {
		t.Errorf("the holder is %q", have)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Wait(ended, name); !errors.Is(err, context.Canceled) {
		t.Errorf("wait for a held lock: %v", err)
	}
	first.Release()
	second, err := Wait(t.Context(), name)
	if err != nil || second == nil {
		t.Fatalf("after the release: lock %v, %v", second, err)
	}
	second.Release()
	(*Lock)(nil).Release()
}

func TestALockInAFolderThatDoesNotExistIsAnError(t *testing.T) {
	if l, err := Try(filepath.Join(t.TempDir(), "none", "writer.lock")); l != nil || err == nil {
		t.Errorf("lock %v, %v", l, err)
	}
}
