package demo

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/internal/output"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

func (s *step) firstSync() error {
	commit, err := s.head()
	if err != nil {
		return err
	}
	s.printer.text("The repository declares 40 users and 8 groups. AWS is empty.")
	r, err := s.waitForReport(commit, "applied")
	if err != nil {
		return err
	}
	state := s.simulator.State()
	if got := compareGroups(state, expectedAt(today())); got != "" {
		return &mismatchError{"AWS with the users and groups of the example", got}
	}
	s.printer.fact("AWS", output.Plain, fmt.Sprintf(
		"%s; %d write requests\n(locked and inactive users are not created)",
		summary(state), s.writes()-s.writesBefore))
	if n := len(difference(s.before, state)); n != len(r.Changes) {
		return &mismatchError{fmt.Sprintf("a report of the %d changes in AWS", n), fmt.Sprint(len(r.Changes))}
	}
	return nil
}

// compareGroups describes how a state differs from groups with their members, who must be all
// users. It returns "" if there is no difference.
func compareGroups(state awssim.State, want map[string][]string) string {
	users := map[string]bool{}
	for _, group := range slices.Sorted(maps.Keys(want)) {
		for _, name := range want[group] {
			users[name] = true
		}
		if got := state.MemberNames(group); !slices.Equal(got, want[group]) {
			return fmt.Sprintf("%s; the members of %s are %q, not %q", summary(state), group, got, want[group])
		}
	}
	for _, u := range state.Users {
		if !users[u.UserName] || !u.Active || u.ExternalID == "" {
			return fmt.Sprintf("%s; user %s should not exist, or not with active %t and externalId %q", summary(state),
				u.UserName, u.Active, u.ExternalID)
		}
	}
	if len(state.Users) != len(users) || len(state.Groups) != len(want) {
		return fmt.Sprintf("%s, not %d users and %d groups", summary(state), len(users), len(want))
	}
	return ""
}

func (s *step) mergeChange() error {
	const user = `users: "u-1041": {userId: "priya", firstName: "Priya", lastName: "Menon", ` +
		`email: "priya@example.com", state: "ACTIVE"}`
	err := errors.Join(
		s.git("switch", "-q", "-c", "priya"),
		s.appendTo("users/platform.cue", "\n"+user+"\n"),
		s.appendTo("groups/technology.cue", "\n"+`groups: "sre": members: "u-1041": {}`+"\n"),
		s.commit("Priya joins Site Reliability"),
		s.git("switch", "-q", "main"),
		s.git("merge", "-q", "--no-ff", "-m", "Merge pull request: Priya joins", "priya"))
	if err != nil {
		return err
	}
	commit, err := s.push()
	if err != nil {
		return err
	}
	changes := []string{
		"+ priya@example.com", "+ priya@example.com in Platform", "+ priya@example.com in Site Reliability",
	}
	r, err := s.waitForReport(commit, "applied")
	if err != nil {
		return err
	}
	if err := s.wantChanges(changes...); err != nil {
		return err
	}
	s.printer.fact("AWS", output.Plain, strings.Join(changes, "\n"))
	s.printer.text("Platform includes Site Reliability. AWS has no nested groups, so she is a member of both.")
	return wantReported(r.Changes, "intended", "create-user u-1041", "add-member sre u-1041",
		"add-member platform u-1041")
}

func (s *step) correctDrift() error {
	s.printer.text("Someone changes AWS in its console:")
	if err := s.changeOutside(); err != nil {
		return err
	}
	outside := difference(s.before, s.simulator.State())
	s.printer.fact("AWS", output.Caution, strings.Join(outside, "\n"))
	if len(outside) != 3 {
		return &mismatchError{"three changes outside roster", strings.Join(outside, "\n")}
	}
	s.printer.text("Each run compares all of AWS with Git. The next run is due at the full minute;")
	s.printer.text("a new commit starts one now.")
	err := errors.Join(s.appendTo("README.md", "Users and groups of AWS.\n"), s.git("add", "README.md"),
		s.commit("Add a README"))
	if err != nil {
		return err
	}
	commit, err := s.push()
	if err != nil {
		return err
	}
	// It is in sync if the run at the full minute was first.
	if _, err := s.waitForReport(commit, "applied", "in sync"); err != nil {
		return err
	}
	if err := s.wantChanges(); err != nil {
		return err
	}
	all, err := s.newChanges()
	if err != nil {
		return err
	}
	for _, c := range all {
		s.printer.fact("", output.Plain, fmt.Sprintf("%s (%s: %s)", c, c.Origin, c.Reason.Text))
	}
	s.printer.fact("AWS", output.Plain, "as before the changes in the console")
	return wantReported(all, "drift", "update-user u-1028", "add-member sre u-1004",
		"remove-member break-glass u-1032")
}

// changeOutside changes AWS against its declaration.
func (s *step) changeOutside() error {
	beatriz, ok1 := s.before.User("beatriz@example.com")
	daniel, ok2 := s.before.User("daniel@example.com")
	farid, ok3 := s.before.User("farid@example.com")
	sre, ok4 := s.before.Group("Site Reliability")
	glass, ok5 := s.before.Group("Break Glass")
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 {
		return &mismatchError{"beatriz, daniel, farid, Site Reliability and Break Glass in AWS", summary(s.before)}
	}
	beatriz.Title = "Chief of Everything"
	_, err := s.simulator.PutUser(beatriz)
	return errors.Join(err, s.simulator.RemoveMember(sre.ID, daniel.ID), s.simulator.AddMember(glass.ID, farid.ID))
}

func (s *step) refuseInvalid() error {
	const line = `groups: "break-glass": include: "platfrom": {}`
	err := errors.Join(s.appendTo("groups/technology.cue", "\n"+line+"\n"),
		s.commit("Add the platform team to Break Glass"))
	if err != nil {
		return err
	}
	at, err := s.position("groups/technology.cue", `"platfrom"`)
	if err != nil {
		return err
	}
	commit, err := s.push()
	if err != nil {
		return err
	}
	r, err := s.waitForReport(commit, "failed")
	if err != nil {
		return err
	}
	if problems := strings.Join(r.Errors, "\n"); !strings.Contains(problems, at+":") || len(r.Changes) > 0 {
		return &mismatchError{"a refusal that names " + at + ", without changes",
			fmt.Sprintf("%d changes; %s", len(r.Changes), problems)}
	}
	s.printer.fact("", output.Caution, strings.Join(r.Errors, "\n"))
	if err := s.wantNoWrites(); err != nil {
		return err
	}
	return s.revert()
}

// position returns where text begins in a file of the clone, as "file:line:column".
func (s *step) position(file, text string) (string, error) {
	b, err := os.ReadFile(filepath.Join(s.clone(), filepath.FromSlash(file)))
	if err != nil {
		return "", err
	}
	at := bytes.Index(b, []byte(text))
	if at < 0 {
		return "", fmt.Errorf("%s does not contain %s", file, text)
	}
	line := bytes.Count(b[:at], []byte("\n")) + 1
	return fmt.Sprintf("%s:%d:%d", file, line, at-bytes.LastIndexByte(b[:at], '\n')), nil
}

// revert reverts the newest commit and waits until AWS is in sync, as at the begin of the step.
func (s *step) revert() error {
	if err := s.git("revert", "--no-edit", "HEAD"); err != nil {
		return err
	}
	commit, err := s.push()
	if err != nil {
		return err
	}
	if _, err := s.waitForReport(commit, "in sync"); err != nil {
		return err
	}
	return s.wantChanges()
}

func (s *step) holdMassDeletion() error {
	s.printer.text("The export of the personnel system is cut off after two lines.")
	lost, err := s.truncate("users/engineering.csv")
	if err != nil {
		return err
	}
	if n := len(lost); n <= 5 || n*2 >= len(s.before.Users) {
		return fmt.Errorf("%d of %d users would be lost: the example does not fit this step", n, len(s.before.Users))
	}
	if err := s.commit("Update from the personnel system"); err != nil {
		return err
	}
	commit, err := s.push()
	if err != nil {
		return err
	}
	r, err := s.waitForReport(commit, "held")
	if err != nil {
		return err
	}
	if err := s.wantHeld(r, lost); err != nil {
		return err
	}
	if err := s.wantNoWrites(); err != nil {
		return err
	}
	return s.revert()
}

// truncate cuts a CSV file after its second user. It returns the keys of the lost users who are
// active in AWS.
func (s *step) truncate(file string) ([]string, error) {
	name := filepath.Join(s.clone(), filepath.FromSlash(file))
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	lines := bytes.SplitAfter(b, []byte("\n"))
	if len(lines) < 4 {
		return nil, fmt.Errorf("%s has only %d lines", file, len(lines))
	}
	var lost []string
	for _, l := range lines[3:] {
		key, _, _ := strings.Cut(string(l), ",")
		isLost := func(u awssim.User) bool { return u.ExternalID == key && u.Active }
		if slices.ContainsFunc(s.before.Users, isLost) {
			lost = append(lost, key)
		}
	}
	removed := bytes.Count(bytes.Join(lines[3:], nil), []byte("\n"))
	s.printer.fact("edit", output.Plain, fmt.Sprintf("%s, %d lines fewer", file, removed))
	return lost, os.WriteFile(name, bytes.Join(lines[:3], nil), 0o644)
}

// wantHeld requires a report in which the gate maxRemovals holds the deactivation of exactly these
// users, and nothing was done.
func (s *step) wantHeld(r report, users []string) error {
	var held []string
	reason := ""
	for _, c := range r.Changes {
		if c.Result != "held" {
			return &mismatchError{"every change held", fmt.Sprintf("%s is %s", c, c.Result)}
		}
		for _, h := range c.Held {
			if c.Kind == "deactivate-user" && h.Gate == "maxRemovals" {
				held, reason = append(held, c.Key), h.Gate+": "+h.Reason
			}
		}
	}
	slices.Sort(held)
	slices.Sort(users)
	if !slices.Equal(held, users) {
		return &mismatchError{fmt.Sprintf("%q held by gate maxRemovals", users), fmt.Sprintf("%q", held)}
	}
	s.printer.fact("gate", output.Caution, reason)
	return nil
}
