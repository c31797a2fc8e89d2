package schema

import (
	"maps"
	"os"
	"testing"
	"time"

	"golang.org/x/tools/txtar"
)

func TestWarnReportsDeclarationsThatEnd(t *testing.T) {
	const name = "testdata/warnings.txtar"
	added, a := readArchive(t, name)
	want := string(added["want"].Data)
	delete(added, "want")
	files := base(t)
	maps.Copy(files, added)
	d, err := Load(files)
	if err != nil {
		t.Fatal(err)
	}
	// In Tokyo it is already the 24th.
	got := d.Warn(time.Date(2026, 11, 23, 16, 0, 0, 0, time.UTC)).Error() + "\n"
	if *update {
		a.Files[len(a.Files)-1].Data = []byte(got)
		if err := os.WriteFile(name, txtar.Format(a), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
