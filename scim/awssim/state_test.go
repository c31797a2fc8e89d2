package awssim_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

func TestStateCanBeLoadedAgain(t *testing.T) {
	s := serve(t, awssim.ProfileAWS, awssim.Options{})
	manage := s.manager()
	alice := s.addUser("alice")
	s.addGroup("sre", alice, s.addUser("bob"))
	saved, want := s.want(200, manage("GET", "/state", "")).text, s.State()
	s.want(204, manage("DELETE", "/state", ""))
	if st := s.State(); len(st.Users)+len(st.Groups) != 0 {
		t.Error("the directory is not empty")
	}
	s.want(204, manage("PUT", "/state", saved))
	if diff := cmp.Diff(want, s.State()); diff != "" {
		t.Error(diff)
	}
	s.want(200, s.call("GET", "/Users/"+alice, ""))
	for _, bad := range []string{
		`{"users":[{"userName":"a"},{"userName":"A"}]}`,
		`{"users":[{"id":"1","userName":"a"},{"id":"1","userName":"b"}]}`,
		`{"groups":[{"displayName":"g","members":["nobody"]}]}`,
		`{"groups":[{"displayName":"g"},{"displayName":"g"}]}`,
		`{"people":[]}`,
	} {
		if a := manage("PUT", "/state", bad); a.status < 400 {
			t.Errorf("%s was loaded", bad)
		}
		if diff := cmp.Diff(want, s.State()); diff != "" {
			t.Errorf("%s changed the directory: %s", bad, diff)
		}
	}
}
