package scim_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/scim"
	"github.com/seed-d64a251c/roster/scim/foreign"
)

// TestGroupPatches checks the requests of a group patch.
func TestGroupPatches(t *testing.T) {
	name, ext := "New", "g-1"
	ids := func(from, to int) []string {
		var list []string
		for i := from; i < to; i++ {
			list = append(list, fmt.Sprint("u", i))
		}
		return list
	}
	rows := map[string]struct {
		patch scim.GroupPatch
		want  []string // per request: replaced attributes, +additions, -removals
	}{
		"nothing": {scim.GroupPatch{}, nil},
		"a name":  {scim.GroupPatch{DisplayName: &name}, []string{"displayName +0 -0"}},
		"everything in one": {
			scim.GroupPatch{DisplayName: &name, ExternalID: &ext, Add: ids(0, 60), Remove: ids(60, 100)},
			[]string{"displayName externalId +60 -40"},
		},
		"additions come first": {
			scim.GroupPatch{Add: ids(0, 60), Remove: ids(60, 130)},
			[]string{"+60 -40", "+0 -30"},
		},
		"a hundred are one request":          {scim.GroupPatch{Add: ids(0, 100)}, []string{"+100 -0"}},
		"a hundred and one are two requests": {scim.GroupPatch{Remove: ids(0, 101)}, []string{"+0 -100", "+0 -1"}},
		"a name is in the first request": {
			scim.GroupPatch{DisplayName: &name, Add: ids(0, 250)},
			[]string{"displayName +100 -0", "+100 -0", "+50 -0"},
		},
	}
	validator := foreign.StartPatchValidator(t)
	for title, row := range rows {
		for _, profile := range []scim.Profile{scim.AWS, scim.RFC} {
			t.Run(title+" on "+profile.String(), func(t *testing.T) {
				s := serve(t, slices.Repeat([]reply{{status: 204}}, len(row.want))...)
				c := s.client(t, nil)
				c.Profile = profile
				if err := c.PatchGroup(t.Context(), "g1", row.patch); err != nil {
					t.Fatal(err)
				}
				var got []string
				var sum scim.GroupPatch
				for _, a := range s.asked {
					if err := validator.Validate([]byte(a.body)); err != nil {
						t.Error(err)
					}
					line, p := readGroupPatch(t, profile, a.body)
					got = append(got, line)
					sum.Add, sum.Remove = append(sum.Add, p.Add...), append(sum.Remove, p.Remove...)
				}
				if !slices.Equal(got, row.want) {
					t.Errorf("requests %q, want %q", got, row.want)
				}
				if !slices.Equal(sum.Add, row.patch.Add) || !slices.Equal(sum.Remove, row.patch.Remove) {
					t.Errorf("in all %v, want %v", sum, row.patch)
				}
			})
		}
	}
}

// readGroupPatch decodes the body of a group patch.
func readGroupPatch(t *testing.T, profile scim.Profile, body string) (line string, p scim.GroupPatch) {
	t.Helper()
	var patch struct {
		Operations []struct {
			Op, Path string
			Value    json.RawMessage
		}
	}
	if err := json.Unmarshal([]byte(body), &patch); err != nil {
		t.Fatal(err)
	}
	for _, op := range patch.Operations {
		var members []struct{ Value string }
		switch {
		case op.Op == "replace":
			line += op.Path + " "
			continue
		case op.Path == "members":
			if op.Op == "remove" && profile == scim.RFC {
				t.Error("a remove that some servers apply to all members")
			}
			if err := json.Unmarshal(op.Value, &members); err != nil {
				t.Fatal(err)
			}
		default:
			var id string
			if _, err := fmt.Sscanf(op.Path, "members[value eq %q]", &id); err != nil || profile == scim.AWS {
				t.Errorf("path %s: %v", op.Path, err)
			}
			members = append(members, struct{ Value string }{id})
		}
		for _, m := range members {
			if op.Op == "add" {
				p.Add = append(p.Add, m.Value)
			} else {
				p.Remove = append(p.Remove, m.Value)
			}
		}
	}
	return line + fmt.Sprintf("+%d -%d", len(p.Add), len(p.Remove)), p
}

func TestGroupPatchThatFailsHalfway(t *testing.T) {
	s := serve(t, reply{status: 204}, reply{status: 403})
	add := slices.Repeat([]string{"u"}, 150)
	err := s.client(t, nil).PatchGroup(t.Context(), "g1", scim.GroupPatch{Add: add})
	var part *scim.PartialError
	if !errors.As(err, &part) || len(part.Applied.Add) != 100 || !scim.IsForbidden(err) ||
		!strings.Contains(err.Error(), "100 additions and 0 removals done, then: patch group:") {
		t.Errorf("error %v, want a PartialError of 100 additions and a 403", err)
	}
	s = serve(t, reply{status: 403})
	err = s.client(t, nil).PatchGroup(t.Context(), "g1", scim.GroupPatch{Add: add})
	if errors.As(err, &part) && err == error(part) || !scim.IsForbidden(err) {
		t.Errorf("error %v, want the 403 alone: nothing was changed", err)
	}
}

// TestRejectedRemovals checks the alternative that is sent after a rejected removal.
func TestRejectedRemovals(t *testing.T) {
	const patch = "PATCH /Groups/g1"
	name := "New"
	refused := reply{status: 400, body: `{"scimType":"noTarget","detail":"no"}`}
	done := reply{status: 204}
	shown := reply{status: 200, body: `{"id":"g1","members":[{"value":"b"},{"value":"b"},{"value":"z"}]}`}
	rows := map[string]struct {
		profile scim.Profile
		patch   scim.GroupPatch
		replies []reply
		asked   []string // with what is added and removed
		status  int
	}{
		"all members of a group on AWS": {
			scim.AWS,
			scim.GroupPatch{Remove: []string{"a", "b", "c"}},
			[]reply{refused, done, done},
			[]string{patch + " +0 -3", patch + " +0 -2", patch + " +0 -1"},
			0,
		},
		"all members with a rename on AWS": {
			scim.AWS,
			scim.GroupPatch{DisplayName: &name, ExternalID: &name, Remove: []string{"a", "b"}},
			[]reply{refused, done, done},
			[]string{patch + " displayName externalId +0 -2", patch + " displayName externalId +0 -1",
				patch + " +0 -1"},
			0,
		},
		"the only member with a rename on AWS": {
			scim.AWS,
			scim.GroupPatch{DisplayName: &name, Remove: []string{"a"}},
			[]reply{refused, done, done},
			[]string{patch + " displayName +0 -1", patch + " displayName +0 -0", patch + " +0 -1"},
			0,
		},
		"and still refused": {
			scim.AWS,
			scim.GroupPatch{Remove: []string{"a", "b", "c"}},
			[]reply{refused, refused},
			[]string{patch + " +0 -3", patch + " +0 -2"},
			400,
		},
		"the last one refused": {
			scim.AWS,
			scim.GroupPatch{Remove: []string{"a", "b", "c"}},
			[]reply{refused, done, refused},
			[]string{patch + " +0 -3", patch + " +0 -2", patch + " +0 -1"},
			400,
		},
		"one member cannot be cut": {
			scim.AWS,
			scim.GroupPatch{Remove: []string{"a"}},
			[]reply{refused},
			[]string{patch + " +0 -1"},
			400,
		},
		"with additions it has another reason": {
			scim.AWS,
			scim.GroupPatch{Add: []string{"x"}, Remove: []string{"a", "b"}},
			[]reply{refused},
			[]string{patch + " +1 -2"},
			400,
		},
		"a non-member elsewhere": {
			scim.RFC,
			scim.GroupPatch{Add: []string{"x"}, Remove: []string{"a", "b"}},
			[]reply{refused, shown, done},
			[]string{patch + " +1 -2", "GET /Groups/g1", patch + " +1 -1"},
			0,
		},
		"only non-members elsewhere": {
			scim.RFC,
			scim.GroupPatch{Remove: []string{"a"}},
			[]reply{refused, shown},
			[]string{patch + " +0 -1", "GET /Groups/g1"},
			0,
		},
		"members that cannot be read": {
			scim.RFC,
			scim.GroupPatch{Remove: []string{"a"}},
			[]reply{refused, {status: 403}},
			[]string{patch + " +0 -1", "GET /Groups/g1"},
			400,
		},
		"another refusal elsewhere": {
			scim.RFC,
			scim.GroupPatch{Remove: []string{"a"}},
			[]reply{{status: 400}},
			[]string{patch + " +0 -1"},
			400,
		},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			s := serve(t, row.replies...)
			c := s.client(t, nil)
			c.Profile = row.profile
			err := c.PatchGroup(t.Context(), "g1", row.patch)
			if scim.Status(err) != row.status || (err == nil) != (row.status == 0) {
				t.Errorf("error %v, want %d", err, row.status)
			}
			var got []string
			for _, a := range s.asked {
				line := a.String()
				if a.body != "" {
					counts, _ := readGroupPatch(t, row.profile, a.body)
					line += " " + counts
				}
				got = append(got, line)
			}
			if !slices.Equal(got, row.asked) {
				t.Errorf("asked %q, want %q", got, row.asked)
			}
		})
	}
}
