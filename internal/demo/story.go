package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

// step is one step of the story. play returns nil only if it has seen for itself that it happened.
type step struct {
	title string
	play  func(*scene) error
}

// story is what Tell tells.
var story = []step{
	{"The first sync fills an empty directory", (*scene).firstSync},
	{"A merged pull request: Priya joins", (*scene).merge},
	{"A change behind roster's back is put right", (*scene).drift},
	{"A bad declaration is refused", (*scene).typo},
	{"A mass deletion is held", (*scene).massDeletion},
	{"Every run has left a report in Git", (*scene).reports},
}

// Tell starts the daemon and plays the story. The error is a [Mismatch] if a step did not happen.
func (s *Stage) Tell(ctx context.Context) error {
	s.introduce()
	ctx, err := s.start(ctx)
	if err != nil {
		return err
	}
	for i, st := range story {
		s.Voice.title(i+1, len(story), st.title)
		if err := s.play(ctx, st); err != nil {
			return fmt.Errorf("step %d, %s: %w", i+1, st.title, err)
		}
	}
	return nil
}

func (s *Stage) play(ctx context.Context, st step) error {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, s.Deadline)
	defer cancel()
	sc, err := s.scene(ctx)
	if err != nil {
		return err
	}
	if err := st.play(sc); err != nil {
		return err
	}
	s.Voice.passed(time.Since(began))
	return nil
}

func (s *scene) firstSync() error {
	commit, err := s.tip()
	if err != nil {
		return err
	}
	s.Voice.say("The daemon finds a repository with 40 people and 8 groups, and nobody in AWS.")
	r, err := s.reported(commit, "applied")
	if err != nil {
		return err
	}
	st := s.simulator.State()
	if seen := unequal(st, expectedAt(today())); seen != "" {
		return &Mismatch{"AWS with the people and groups of the example", seen}
	}
	s.Voice.fact("AWS", "", fmt.Sprintf("%s, in %d calls that write\n(who is locked or inactive is not created)", summary(st), s.writes()-s.taken))
	if n := len(difference(s.before, st)); n != len(r.Changes) {
		return &Mismatch{fmt.Sprintf("a report of the %d changes in AWS", n), fmt.Sprint(len(r.Changes))}
	}
	return nil
}

// unequal says how a state differs from groups with their members, who must be all the users there are; "" if it does not.
func unequal(st awssim.State, want map[string][]string) string {
	people := map[string]bool{}
	for _, group := range slices.Sorted(maps.Keys(want)) {
		for _, name := range want[group] {
			people[name] = true
		}
		if have := st.MemberNames(group); !slices.Equal(have, want[group]) {
			return fmt.Sprintf("%s; in %s are %q, not %q", summary(st), group, have, want[group])
		}
	}
	for _, u := range st.Users {
		if !people[u.UserName] || !u.Active || u.ExternalID == "" {
			return fmt.Sprintf("%s; user %s (active %t, externalId %q) should not be there, or not so", summary(st), u.UserName, u.Active, u.ExternalID)
		}
	}
	if len(st.Users) != len(people) || len(st.Groups) != len(want) {
		return fmt.Sprintf("%s, not %d users and %d groups", summary(st), len(people), len(want))
	}
	return ""
}

func (s *scene) merge() error {
	err := errors.Join(
		s.git("switch", "-q", "-c", "priya"),
		s.add("users/platform.cue", "\n"+`users: "u-1041": {userId: "priya", firstName: "Priya", lastName: "Menon", email: "priya@example.com", state: "ACTIVE"}`+"\n"),
		s.add("groups/technology.cue", "\n"+`groups: "sre": members: "u-1041": {}`+"\n"),
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
	lines := []string{"+ priya@example.com", "+ priya@example.com in Platform", "+ priya@example.com in Site Reliability"}
	r, err := s.reported(commit, "applied")
	if err != nil {
		return err
	}
	if err := s.changed(lines...); err != nil {
		return err
	}
	s.Voice.fact("AWS", "", strings.Join(lines, "\n"))
	s.Voice.say("Platform includes Site Reliability; AWS knows no nested groups, so she is in both.")
	return sent(r.Changes, "intended", "create-user u-1041", "add-member sre u-1041", "add-member platform u-1041")
}

func (s *scene) drift() error {
	s.Voice.say("Somebody with the AWS console:")
	if err := s.meddle(); err != nil {
		return err
	}
	meddled := difference(s.before, s.simulator.State())
	s.Voice.fact("AWS", yellow, strings.Join(meddled, "\n"))
	if len(meddled) != 3 {
		return &Mismatch{"three changes behind roster's back", strings.Join(meddled, "\n")}
	}
	s.Voice.say("Each run compares everything. The next is due at the full minute; an unrelated commit brings one at once.")
	if err := errors.Join(s.add("README.md", "Who may do what in AWS.\n"), s.git("add", "README.md"), s.commit("Say what this is")); err != nil {
		return err
	}
	commit, err := s.push()
	if err != nil {
		return err
	}
	if _, err := s.reported(commit, "applied", "in sync"); err != nil { // in sync if the full minute was first
		return err
	}
	if err := s.changed(); err != nil {
		return err
	}
	all, err := s.fresh()
	if err != nil {
		return err
	}
	for _, c := range all {
		s.Voice.fact("", "", fmt.Sprintf("%s (%s: %s)", c, c.Origin, c.Reason.Text))
	}
	s.Voice.fact("AWS", "", "as before the meddling")
	return sent(all, "drift", "update-user u-1028", "add-member sre u-1004", "remove-member break-glass u-1032")
}

// meddle changes AWS as nobody declared it.
func (s *scene) meddle() error {
	beatriz, ok1 := s.before.User("beatriz@example.com")
	daniel, ok2 := s.before.User("daniel@example.com")
	farid, ok3 := s.before.User("farid@example.com")
	sre, ok4 := s.before.Group("Site Reliability")
	glass, ok5 := s.before.Group("Break Glass")
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 {
		return &Mismatch{"beatriz, daniel, farid, Site Reliability and Break Glass in AWS", summary(s.before)}
	}
	beatriz.Title = "Chief of Everything"
	_, err := s.simulator.PutUser(beatriz)
	return errors.Join(err, s.simulator.RemoveMember(sre.ID, daniel.ID), s.simulator.AddMember(glass.ID, farid.ID))
}

func (s *scene) typo() error {
	const line = `groups: "break-glass": include: "platfrom": {}`
	if err := errors.Join(s.add("groups/technology.cue", "\n"+line+"\n"), s.commit("The platform team may break the glass")); err != nil {
		return err
	}
	where, err := s.position("groups/technology.cue", `"platfrom"`)
	if err != nil {
		return err
	}
	commit, err := s.push()
	if err != nil {
		return err
	}
	r, err := s.reported(commit, "failed")
	if err != nil {
		return err
	}
	if said := strings.Join(r.Errors, "\n"); !strings.Contains(said, where+":") || len(r.Changes) > 0 {
		return &Mismatch{"a refusal that names " + where + ", without changes", fmt.Sprintf("%d changes; %s", len(r.Changes), said)}
	}
	s.Voice.fact("", yellow, strings.Join(r.Errors, "\n"))
	if err := s.untouched(); err != nil {
		return err
	}
	return s.revert()
}

// position is where text begins in a file of the clone, as "file:line:column".
func (s *scene) position(file, text string) (string, error) {
	b, err := os.ReadFile(filepath.Join(s.Clone(), filepath.FromSlash(file)))
	if err != nil {
		return "", err
	}
	at := bytes.Index(b, []byte(text))
	if at < 0 {
		return "", fmt.Errorf("%s does not hold %s", file, text)
	}
	line := bytes.Count(b[:at], []byte("\n")) + 1
	return fmt.Sprintf("%s:%d:%d", file, line, at-bytes.LastIndexByte(b[:at], '\n')), nil
}

// revert takes the newest commit back and awaits that all is in sync, and as it was when the scene began.
func (s *scene) revert() error {
	if err := s.git("revert", "--no-edit", "HEAD"); err != nil {
		return err
	}
	commit, err := s.push()
	if err != nil {
		return err
	}
	if _, err := s.reported(commit, "in sync"); err != nil {
		return err
	}
	return s.changed()
}

func (s *scene) massDeletion() error {
	s.Voice.say("The export of the personnel system breaks off after two lines.")
	lost, err := s.truncate("users/engineering.csv")
	if err != nil {
		return err
	}
	if n := len(lost); n <= 5 || n*2 >= len(s.before.Users) {
		return fmt.Errorf("%d people of %d would be lost, which is not what this step is about", n, len(s.before.Users))
	}
	if err := s.commit("Update from the personnel system"); err != nil {
		return err
	}
	commit, err := s.push()
	if err != nil {
		return err
	}
	r, err := s.reported(commit, "held")
	if err != nil {
		return err
	}
	if err := s.held(r, lost); err != nil {
		return err
	}
	if err := s.untouched(); err != nil {
		return err
	}
	return s.revert()
}

// truncate cuts a CSV file after its second person, and returns the keys of those cut off who can sign in to AWS.
func (s *scene) truncate(file string) ([]string, error) {
	name := filepath.Join(s.Clone(), filepath.FromSlash(file))
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
		if slices.ContainsFunc(s.before.Users, func(u awssim.User) bool { return u.ExternalID == key && u.Active }) {
			lost = append(lost, key)
		}
	}
	s.Voice.fact("edit", "", fmt.Sprintf("%s, %d lines fewer", file, bytes.Count(bytes.Join(lines[3:], nil), []byte("\n"))))
	return lost, os.WriteFile(name, bytes.Join(lines[:3], nil), 0o644)
}

// held demands that a report holds the deactivation of all of these people by the gate maxRemovals, and did nothing.
func (s *scene) held(r report, people []string) error {
	var gated []string
	why := ""
	for _, c := range r.Changes {
		if c.Result != "held" {
			return &Mismatch{"every change held", fmt.Sprintf("%s is %s", c, c.Result)}
		}
		for _, h := range c.Held {
			if c.Kind == "deactivate-user" && h.Gate == "maxRemovals" {
				gated, why = append(gated, c.Key), h.Gate+": "+h.Reason
			}
		}
	}
	slices.Sort(gated)
	slices.Sort(people)
	if !slices.Equal(gated, people) {
		return &Mismatch{fmt.Sprintf("%q held by gate maxRemovals", people), fmt.Sprintf("%q", gated)}
	}
	s.Voice.fact("gate", yellow, why)
	return nil
}

func (s *scene) reports() error {
	for _, p := range s.pushed {
		if r, ok := of(s.past, p.commit); !ok || r.Outcome != p.outcome {
			return &Mismatch{fmt.Sprintf("a report of %.7s that says %q", p.commit, p.outcome), fmt.Sprintf("%q", r.Outcome)}
		}
	}
	if broken := unchained(s.past); broken != "" {
		return &Mismatch{"the SHA-256 of the report before in each", broken}
	}
	s.Voice.shell("git", "-C", s.Repository(), "log", "--oneline", auditBranch, "--", "reports")
	for _, r := range slices.Backward(s.past) {
		s.Voice.fact("", "", s.Voice.tone(yellow, r.audit)+" "+r.title)
	}
	for _, r := range s.past {
		if _, err := git(s.ctx, s.Repository(), "cat-file", "-e", auditBranch+":"+readable(r.path)); err != nil {
			return &Mismatch{"a readable form of each report", err.Error()}
		}
	}
	newest := s.past[len(s.past)-1]
	s.Voice.say("%d reports, each with the SHA-256 of the one before it. In full, for people:", len(s.past))
	s.Voice.shell("git", "-C", s.Repository(), "show", auditBranch+":"+readable(newest.path))
	return nil
}

// readable is the form of a report that is for people.
func readable(path string) string { return strings.TrimSuffix(path, ".json") + ".md" }
