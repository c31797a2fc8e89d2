package awssim_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

// reopen starts another server with the file.
func reopen(t *testing.T, file string, profile awssim.Profile) *server {
	t.Helper()
	s := &awssim.Server{
		Profile: profile, Now: start, Options: awssim.Options{Throttle: awssim.Throttle{Unlimited: true}},
	}
	if err := s.Open(file); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return serveOn(t, s)
}

func TestTheFileRestoresTheDirectory(t *testing.T) {
	for _, profile := range []awssim.Profile{awssim.ProfileAWS, awssim.ProfileRFC} {
		t.Run(profile.String(), func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "directory")
			s := reopen(t, file, profile)
			alice, err := s.PutUser(awssim.User{
				UserName: "alice", DisplayName: "A", ProfileURL: "https://x", Active: true,
				Emails:     []awssim.Value{{Value: "a@b", Primary: true}},
				Enterprise: &awssim.Enterprise{Manager: &awssim.Manager{Value: "m", Ref: "../m"}},
			})
			if err != nil {
				t.Fatal(err)
			}
			bob, err := s.PutUser(awssim.User{UserName: "bob"})
			if err != nil {
				t.Fatal(err)
			}
			deleted, err := s.PutUser(awssim.User{UserName: "deleted"})
			if err != nil {
				t.Fatal(err)
			}
			members := []string{alice, bob, deleted}
			sre, err := s.PutGroup(awssim.Group{DisplayName: "sre", ExternalID: "g1", Members: members})
			if err != nil {
				t.Fatal(err)
			}
			s.want(204, s.call("DELETE", "/Users/"+deleted, ""))
			if err := s.RemoveMember(sre, bob); err != nil {
				t.Fatal(err)
			}
			second, err := s.CreateToken(awssim.Token{})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.DeleteToken(s.AccessTokens()[0].ID); err != nil {
				t.Fatal(err)
			}
			want, path := s.State(), s.Path()
			for range 2 { // from the changes, and from the compacted file
				s = reopen(t, file, profile)
				if diff := cmp.Diff(want, s.State()); diff != "" {
					t.Error(diff)
				}
				if s.Path() != path || s.Token() != second.Secret || len(s.AccessTokens()) != 1 {
					t.Errorf("path %s, %d tokens", s.Path(), len(s.AccessTokens()))
				}
			}
			if again, err := s.PutUser(awssim.User{UserName: "deleted"}); err != nil || again == deleted {
				t.Errorf("the id %s was reused, %v", again, err)
			}
			info, err := os.Stat(file)
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("the file with the tokens has mode %v, %v", info.Mode(), err)
			}
		})
	}
}

// The golden file has every kind of change. A new version of the format needs a golden file of its
// own, and this one must still be readable.
func TestChangeLogOfVersion1IsReadable(t *testing.T) {
	golden, err := os.ReadFile("testdata/change-log-v1.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "directory")
	if err := os.WriteFile(file, golden, 0o600); err != nil {
		t.Fatal(err)
	}
	s := reopen(t, file, awssim.ProfileAWS)
	at := func(second int) time.Time { return time.Date(2026, 11, 23, 9, 30, second, 0, time.UTC) }
	want := awssim.State{
		Users: []awssim.User{
			{ID: "u1", ExternalID: "x-alice", UserName: "alice", DisplayName: "Alice Ng", Active: true,
				Name: &awssim.Name{FamilyName: "Ng", GivenName: "Alice"},
				Meta: awssim.Meta{Created: at(16), LastModified: at(16)}},
			{ID: "u2", UserName: "bob", Meta: awssim.Meta{Created: at(17), LastModified: at(17)}},
		},
		Groups: []awssim.Group{{ID: "g1", DisplayName: "sre", Members: []string{"u1"},
			Meta: awssim.Meta{Created: at(18).AddDate(0, 0, -1), LastModified: at(21)}}},
	}
	if diff := cmp.Diff(want, s.State()); diff != "" {
		t.Error(diff)
	}
	if s.Path() != "/tenant/scim/v2" || s.Token() != "second" || len(s.AccessTokens()) != 2 {
		t.Errorf("path %s, newest token %q, %d tokens", s.Path(), s.Token(), len(s.AccessTokens()))
	}
}

func TestOpenDropsAnIncompleteLastLine(t *testing.T) {
	file := filepath.Join(t.TempDir(), "directory")
	s := reopen(t, file, awssim.ProfileAWS)
	for _, name := range []string{"alice", "bob"} {
		if _, err := s.PutUser(awssim.User{UserName: name}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, _, _ := strings.Cut(string(data), `{"changes"`)
	for cut := len(before); cut < len(data); cut++ {
		if err := os.WriteFile(file, data[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		whole := strings.Count(string(data[:cut]), "\n") - 1
		if n := len(reopen(t, file, awssim.ProfileAWS).State().Users); n != whole {
			t.Fatalf("truncated at byte %d: %d users, want %d", cut, n, whole)
		}
	}
}

func TestOpenRejectsOtherFiles(t *testing.T) {
	const header = `{"awssim":1}` + "\n"
	for name, text := range map[string]string{
		"text":                 "hello\n",
		"other JSON":           "{}\n",
		"another version":      `{"awssim":2}` + "\n",
		"damage in the middle": header + "x\n" + `{"changes":[]}` + "\n",
		"an unknown change":    header + `{"changes":[{"kind":"paint"}]}` + "\n",
		"an unknown attribute": header + `{"changes":[{"kind":"putUser","id":"a","attributes":{"size":"4"}}]}` + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "directory")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := new(awssim.Server).Open(file); err == nil {
				t.Error("the file was opened")
			}
			if got, err := os.ReadFile(file); err != nil || string(got) != text {
				t.Errorf("the file was changed: %q, %v", got, err)
			}
		})
	}
}

func TestAfterAFullDiskWritesSucceedAgain(t *testing.T) {
	for _, lasting := range []bool{false, true} {
		t.Run(fmt.Sprintf("the part of a line stays: %t", lasting), func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "directory")
			s := reopen(t, file, awssim.ProfileAWS)
			s.want(201, s.call("POST", "/Users", userJSON("alice")))
			free := awssim.FillDisk(s.Server, 40, lasting)
			for range 2 {
				s.want(500, s.call("POST", "/Users", userJSON("bob-with-a-long-name")))
			}
			if n := len(s.State().Users); n != 1 {
				t.Errorf("%d users on the full disk, want 1", n)
			}
			crashed := filepath.Join(t.TempDir(), "directory")
			if data, err := os.ReadFile(file); err != nil || os.WriteFile(crashed, data, 0o600) != nil {
				t.Fatal(err)
			}
			if n := len(reopen(t, crashed, awssim.ProfileAWS).State().Users); n != 1 {
				t.Errorf("after a crash on the full disk: %d users, want 1", n)
			}
			free()
			s.want(201, s.call("POST", "/Users", userJSON("eve")))
			s.want(201, s.call("POST", "/Users", userJSON("bob-with-a-long-name")))
			if diff := cmp.Diff(s.State(), reopen(t, file, awssim.ProfileAWS).State()); diff != "" {
				t.Errorf("the file does not have what was acknowledged:\n%s", diff)
			}
		})
	}
}

func TestAChangeThatCannotBeLoggedIsNotApplied(t *testing.T) {
	file := filepath.Join(t.TempDir(), "directory")
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	s := reopen(t, file, awssim.ProfileAWS)
	awssim.BreakChangeLog(s.Server)
	s.want(500, s.call("POST", "/Users", userJSON("alice")))
	if n := len(s.State().Users); n != 0 {
		t.Errorf("%d users", n)
	}
	if err := s.Close(); err == nil {
		t.Error("Close returned no error")
	}
}
