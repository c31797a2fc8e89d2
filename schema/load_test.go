package schema

import (
	"os"
	"testing"
)

func example(t testing.TB) *Declarations {
	t.Helper()
	d, err := Load(os.DirFS("../testdata/example"))
	if err != nil {
		t.Fatalf("load the example organisation:\n%v", err)
	}
	return d
}

func TestExample(t *testing.T) {
	d := example(t)
	for _, w := range d.Warnings {
		t.Errorf("warning: %v", w)
	}
	if len(d.Users) != 40 || len(d.Groups) != 8 || len(d.Apps) != 1 || len(d.Mappings) != 1 || len(d.Provisioners) != 1 || len(d.Assertions) != 3 {
		t.Errorf("got %d users, %d groups, %d apps, %d mappings, %d provisioners, %d assertions", len(d.Users), len(d.Groups), len(d.Apps), len(d.Mappings), len(d.Provisioners), len(d.Assertions))
	}
}
