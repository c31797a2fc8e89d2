package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

// outside is what scripts do to a directory behind roster's back, and what they ask of it: outside NAME VERB ARG...
var outside = map[string]struct {
	usage string
	run   func(c *cloud, args []string) error
}{
	"is":       {"is USERNAME active|inactive|absent", isOutside},
	"named":    {"named KEY NAME: the user or group with this externalId has this name", namedOutside},
	"members":  {"members GROUP USERNAME,...|none", membersOutside},
	"count":    {"count USERS GROUPS", countOutside},
	"title":    {"title USERNAME TITLE", titleOutside},
	"add":      {"add user|group NAME [MEMBER...]", addOutside},
	"user":     {"user USERNAME ID: somebody with that id", userOutside},
	"join":     {"join GROUP USERNAME", joinOutside},
	"delete":   {"delete user|group NAME", deleteOutside},
	"remember": {"remember: what kept compares with", rememberOutside},
	"kept":     {"kept ids|access [USERNAME...]: all objects remembered are there; with access, and nobody but these lost anything", keptOutside},
}

func outsideCmd(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, neg, len(args) >= 2, "outside NAME VERB [ARG...]")
	verb, ok := outside[args[1]]
	words, _, _ := strings.Cut(verb.usage, ":")
	least := len(strings.Fields(strings.Split(words, "[")[0])) - 1
	if !ok || len(args)-2 < least {
		ts.Fatalf("usage: outside NAME %s", verb.usage)
	}
	ts.Check(verb.run(stageOf(ts).cloud(ts, args[0]), args[2:]))
}

func isOutside(c *cloud, args []string) error {
	u, found := c.State().User(args[0])
	have := map[bool]string{true: "active", false: "inactive"}[u.Active]
	if !found {
		have = "absent"
	}
	return equal(args[0]+" is", have, args[1])
}

func namedOutside(c *cloud, args []string) error {
	st := c.State()
	for _, u := range st.Users {
		if u.ExternalID == args[0] {
			return equal("user "+args[0], u.UserName, args[1])
		}
	}
	for _, g := range st.Groups {
		if g.ExternalID == args[0] {
			return equal("group "+args[0], g.DisplayName, args[1])
		}
	}
	return fmt.Errorf("nothing has the externalId %q", args[0])
}

func membersOutside(c *cloud, args []string) error {
	st := c.State()
	if _, found := st.Group(args[0]); !found {
		return fmt.Errorf("there is no group %q", args[0])
	}
	have := strings.Join(st.MemberNames(args[0]), ",")
	return equal("the members of "+args[0], have, strings.TrimPrefix(args[1], "none"))
}

func countOutside(c *cloud, args []string) error {
	st := c.State()
	return equal("users and groups", fmt.Sprint(len(st.Users), " ", len(st.Groups)), args[0]+" "+args[1])
}

func titleOutside(c *cloud, args []string) error {
	u, found := c.State().User(args[0])
	if !found {
		return fmt.Errorf("there is no user %q", args[0])
	}
	u.Title = args[1]
	_, err := c.PutUser(u)
	return err
}

func addOutside(c *cloud, args []string) error {
	if args[0] == "group" {
		_, err := c.PutGroup(awssim.Group{DisplayName: args[1], Members: args[2:]})
		return err
	}
	_, err := c.PutUser(awssim.User{UserName: args[1], DisplayName: args[1], Active: true, Name: &awssim.Name{GivenName: "Some", FamilyName: "Body"},
		Emails: []awssim.Value{{Value: args[1], Type: "work", Primary: true}}})
	return err
}

func userOutside(c *cloud, args []string) error {
	_, err := c.PutUser(awssim.User{ID: args[1], UserName: args[0], DisplayName: args[0], Name: &awssim.Name{GivenName: "V", FamilyName: "V"}, Active: true})
	return err
}

func joinOutside(c *cloud, args []string) error {
	g, _ := c.State().Group(args[0])
	u, _ := c.State().User(args[1])
	return c.AddMember(g.ID, u.ID)
}

func deleteOutside(c *cloud, args []string) error {
	if args[0] == "group" {
		g, _ := c.State().Group(args[1])
		return c.DeleteGroup(g.ID)
	}
	u, _ := c.State().User(args[1])
	return c.DeleteUser(u.ID)
}

func rememberOutside(c *cloud, _ []string) error {
	c.remembered = c.State()
	return nil
}

// keptOutside finds everything remembered by its id: what was deleted and made anew is lost.
func keptOutside(c *cloud, args []string) error {
	now, lost := c.State(), []string{}
	for _, was := range c.remembered.Users {
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
	for _, was := range c.remembered.Groups {
		i := slices.IndexFunc(now.Groups, func(g awssim.Group) bool { return g.ID == was.ID })
		if i < 0 {
			lost = append(lost, "group "+was.DisplayName)
			continue
		}
		for _, member := range was.Members {
			j := slices.IndexFunc(c.remembered.Users, func(u awssim.User) bool { return u.ID == member })
			if name := c.remembered.Users[j].UserName; args[0] == "access" && !slices.Contains(now.Groups[i].Members, member) && !slices.Contains(args[1:], name) {
				lost = append(lost, fmt.Sprintf("%s in %s", name, was.DisplayName))
			}
		}
	}
	if len(lost) > 0 || len(c.remembered.Users) == 0 {
		return fmt.Errorf("of %d users and %d groups remembered, lost: %s", len(c.remembered.Users), len(c.remembered.Groups), strings.Join(lost, "; "))
	}
	return nil
}

func equal(what, have, want string) error {
	if have != want {
		return fmt.Errorf("%s %q; want %q", what, have, want)
	}
	return nil
}

var printedApproval = regexp.MustCompile(`(?m)commit: (approvals: "sha256:[0-9a-f]{64}": \{reason: )"\.\.\."(, expires: )"\.\.\."\}$`)

// approveCmd commits the approval that the last command printed, with nothing but reason and expiry filled in: approve DIR [EXPIRES].
func approveCmd(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, neg, len(args) == 1 || len(args) == 2, "approve DIR [EXPIRES]")
	printed := printedApproval.FindStringSubmatch(ts.ReadFile("stdout"))
	if printed == nil {
		ts.Fatalf("the last command printed no approval to commit")
	}
	expires := "2097-01-01"
	if len(args) == 2 {
		expires = args[1]
	}
	file := ts.MkAbs(args[0] + "/approvals.cue")
	ts.Check(os.WriteFile(file, fmt.Appendf(nil, "package roster\n\n%s%q%s%q}\n", printed[1], "looked at and meant", printed[2], expires), 0o644))
	commitCmd(ts, false, []string{args[0], "Approve what is held"})
}
