package main

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

// outside are the verbs with which scripts read a directory and change it outside roster: outside
// NAME VERB ARG...
var outside = map[string]struct {
	usage string
	run   func(s *simulator, args []string) error
}{
	"is":         {"is USERNAME active|inactive|absent", isOutside},
	"named":      {"named KEY NAME: the user or group with this externalId has this name", namedOutside},
	"members":    {"members GROUP USERNAME,...|none", membersOutside},
	"count":      {"count USERS GROUPS", countOutside},
	"title":      {"title USERNAME TITLE", titleOutside},
	"add":        {"add user|group NAME [MEMBER...]", addOutside},
	"user":       {"user USERNAME ID: a new user with that id", userOutside},
	"join":       {"join GROUP USERNAME", joinOutside},
	"delete":     {"delete user|group NAME", deleteOutside},
	"deactivate": {"deactivate USERNAME", deactivateOutside},
	"save":       {"save: the objects that intact compares with", saveOutside},
	"same":       {"same NAME...: these users and groups are as they were saved, with their memberships", sameOutside},
	"intact": {"intact ids|access [USERNAME...]: no saved object is lost; with access, only these users lost access",
		intactOutside},
}

func outsideCmd(ts *testscript.TestScript, neg bool, args []string) {
	checkUsage(ts, neg, len(args) >= 2, "outside NAME VERB [ARG...]")
	verb, ok := outside[args[1]]
	words, _, _ := strings.Cut(verb.usage, ":")
	least := len(strings.Fields(strings.Split(words, "[")[0])) - 1
	if !ok || len(args)-2 < least {
		ts.Fatalf("usage: outside NAME %s", verb.usage)
	}
	ts.Check(verb.run(scriptStateOf(ts).simulator(ts, args[0]), args[2:]))
}

func isOutside(s *simulator, args []string) error {
	u, found := s.State().User(args[0])
	have := map[bool]string{true: "active", false: "inactive"}[u.Active]
	if !found {
		have = "absent"
	}
	return equal(args[0]+" is", have, args[1])
}

func namedOutside(s *simulator, args []string) error {
	state := s.State()
	for _, u := range state.Users {
		if u.ExternalID == args[0] {
			return equal("user "+args[0], u.UserName, args[1])
		}
	}
	for _, g := range state.Groups {
		if g.ExternalID == args[0] {
			return equal("group "+args[0], g.DisplayName, args[1])
		}
	}
	return fmt.Errorf("no object has the externalId %q", args[0])
}

func membersOutside(s *simulator, args []string) error {
	state := s.State()
	if _, found := state.Group(args[0]); !found {
		return fmt.Errorf("there is no group %q", args[0])
	}
	have := strings.Join(state.MemberNames(args[0]), ",")
	return equal("the members of "+args[0], have, strings.TrimPrefix(args[1], "none"))
}

func countOutside(s *simulator, args []string) error {
	state := s.State()
	return equal("users and groups", fmt.Sprint(len(state.Users), " ", len(state.Groups)), args[0]+" "+args[1])
}

func titleOutside(s *simulator, args []string) error {
	u, found := s.State().User(args[0])
	if !found {
		return fmt.Errorf("there is no user %q", args[0])
	}
	u.Title = args[1]
	_, err := s.PutUser(u)
	return err
}

func addOutside(s *simulator, args []string) error {
	if args[0] == "group" {
		_, err := s.PutGroup(awssim.Group{DisplayName: args[1], Members: args[2:]})
		return err
	}
	_, err := s.PutUser(awssim.User{UserName: args[1], DisplayName: args[1], Active: true,
		Name:   &awssim.Name{GivenName: "Some", FamilyName: "Body"},
		Emails: []awssim.Value{{Value: args[1], Type: "work", Primary: true}}})
	return err
}

func userOutside(s *simulator, args []string) error {
	_, err := s.PutUser(awssim.User{ID: args[1], UserName: args[0], DisplayName: args[0],
		Name: &awssim.Name{GivenName: "V", FamilyName: "V"}, Active: true})
	return err
}

func joinOutside(s *simulator, args []string) error {
	g, _ := s.State().Group(args[0])
	u, _ := s.State().User(args[1])
	return s.AddMember(g.ID, u.ID)
}

func deleteOutside(s *simulator, args []string) error {
	if args[0] == "group" {
		g, _ := s.State().Group(args[1])
		return s.DeleteGroup(g.ID)
	}
	u, _ := s.State().User(args[1])
	return s.DeleteUser(u.ID)
}

func deactivateOutside(s *simulator, args []string) error {
	u, found := s.State().User(args[0])
	if !found {
		return fmt.Errorf("there is no user %q", args[0])
	}
	u.Active = false
	_, err := s.PutUser(u)
	return err
}

func saveOutside(s *simulator, _ []string) error {
	s.saved = s.State()
	return nil
}

func sameOutside(s *simulator, args []string) error {
	now := s.State()
	for _, name := range args {
		if have, want := objectNamed(now, name), objectNamed(s.saved, name); have != want {
			return fmt.Errorf("%s is\n%s; want\n%s", name, have, want)
		}
	}
	return nil
}

// objectNamed returns everything that a directory has of a user or group, as text.
func objectNamed(state awssim.State, name string) string {
	out := []any{}
	if u, ok := state.User(name); ok {
		out = append(out, u)
		for _, g := range state.Groups {
			if slices.Contains(g.Members, u.ID) {
				out = append(out, g.ID)
			}
		}
	}
	if g, ok := state.Group(name); ok {
		out = append(out, g)
	}
	text, err := json.Marshal(out)
	if err != nil || len(out) == 0 {
		return fmt.Sprintf("nothing (%v)", err)
	}
	return string(text)
}

// intactOutside finds all saved objects by their ids: an object that was deleted and created again
// is lost.
func intactOutside(s *simulator, args []string) error {
	now, lost := s.State(), []string{}
	for _, was := range s.saved.Users {
		i := slices.IndexFunc(now.Users, func(u awssim.User) bool { return u.ID == was.ID })
		switch {
		case i < 0:
			lost = append(lost, "user "+was.UserName)
		case now.Users[i].ExternalID != was.ExternalID:
			lost = append(lost, fmt.Sprintf("externalId %q of %s", was.ExternalID, was.UserName))
		case args[0] == "access" && was.Active && !now.Users[i].Active && !slices.Contains(args[1:], was.UserName):
			lost = append(lost, "access of "+was.UserName)
		}
	}
	for _, was := range s.saved.Groups {
		i := slices.IndexFunc(now.Groups, func(g awssim.Group) bool { return g.ID == was.ID })
		if i < 0 {
			lost = append(lost, "group "+was.DisplayName)
			continue
		}
		for _, member := range was.Members {
			j := slices.IndexFunc(s.saved.Users, func(u awssim.User) bool { return u.ID == member })
			if name := s.saved.Users[j].UserName; args[0] == "access" &&
				!slices.Contains(now.Groups[i].Members, member) && !slices.Contains(args[1:], name) {
				lost = append(lost, fmt.Sprintf("%s in %s", name, was.DisplayName))
			}
		}
	}
	if len(lost) > 0 || len(s.saved.Users) == 0 {
		return fmt.Errorf("of %d saved users and %d saved groups, lost: %s", len(s.saved.Users), len(s.saved.Groups),
			strings.Join(lost, "; "))
	}
	return nil
}

func equal(what, have, want string) error {
	if have != want {
		return fmt.Errorf("%s %q; want %q", what, have, want)
	}
	return nil
}

var printedApproval = regexp.MustCompile(`(?m)^  (approvals: "sha256:[0-9a-f]{64}": \{reason: ".*")\}$`)

// approveCmd commits the approvals that the last command printed, with an expiry: approve DIR
// [EXPIRES].
func approveCmd(ts *testscript.TestScript, neg bool, args []string) {
	checkUsage(ts, neg, len(args) == 1 || len(args) == 2, "approve DIR [EXPIRES]")
	printed := printedApproval.FindAllStringSubmatch(ts.ReadFile("stdout"), -1)
	if printed == nil {
		ts.Fatalf("the last command printed no approval to commit")
	}
	expires := "2097-01-01"
	if len(args) == 2 {
		expires = args[1]
	}
	text := "package roster\n\n"
	for _, line := range printed {
		text += fmt.Sprintf("%s, expires: %q}\n", line[1], expires)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+"/approvals.cue"), []byte(text), 0o644))
	commitCmd(ts, false, []string{args[0], "Approve what is held"})
}
