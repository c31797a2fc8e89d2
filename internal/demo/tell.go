package demo

import (
	"errors"
	"strings"
)

// introduce says what there is on the stage.
func (s *Stage) introduce() {
	v := s.Voice
	v.line("%s", v.tone(bold, "roster demo: people in AWS as declared in Git; everything is on this machine"))
	v.line("   %s %s", v.tone(faint, "folder    "), s.Dir)
	v.line("   %s %s", v.tone(faint, "repository"), s.url())
	v.line("   %s %s  (simulated)", v.tone(faint, "AWS       "), s.endpoint)
}

// Fail tells what went wrong: for a step that did not happen, what was expected and what was seen, and then the end of the daemon's log.
func (s *Stage) Fail(err error, log []string) {
	v := s.Voice
	v.line("\n   %s", v.tone(red, "failed"))
	var m *Mismatch
	if errors.As(err, &m) {
		v.line("   %s", strings.TrimSuffix(err.Error(), ": "+m.Error()))
		v.fact("want", "", m.Expected)
		v.fact("seen", yellow, m.Seen)
	} else {
		v.line("   %v", err)
	}
	if len(log) > 0 {
		v.line("   the daemon's last words:")
	}
	for _, l := range log {
		v.fact("", faint, l)
	}
}

// Invite says what there is to try while the stage stays up.
func (s *Stage) Invite() {
	v := s.Voice
	v.line("\n%s", v.tone(bold, "All of it stays up until Ctrl-C. In another terminal:"))
	for _, c := range []struct{ about, command string }{
		{"what the daemon did last, for people and for programs", "curl " + s.pages + "\ncurl " + s.pages + "api/v1/status"},
		{"change something: AWS follows within a second", "cd " + s.Clone() + "\ngit commit -a && git push"},
		{"who is in AWS", "export ROSTER_AWS_TOKEN=" + s.token + "\nroster show -C " + s.Clone() + " users"},
		{"the same, as the simulator sees it; and what else it can do", "curl " + s.manage + "state\ncurl " + s.manage},
		{"empty AWS behind roster's back, and see what the next full minute brings", "curl -X DELETE " + s.manage + "state"},
		{"what the daemon is doing", "tail -f " + s.Log()},
	} {
		v.line("   %s", v.tone(faint, "# "+c.about))
		for l := range strings.SplitSeq(c.command, "\n") {
			v.line("   %s", v.tone(cyan, l))
		}
	}
}
