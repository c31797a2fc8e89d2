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
	v, clone := s.Voice, quote(s.Clone())
	v.line("\n%s", v.tone(bold, "All of it stays up until Ctrl-C. In another terminal:"))
	v.try("what the daemon did last, for people and for programs", "curl "+s.pages, "curl "+s.pages+"api/v1/status")
	v.try("change something: AWS follows within a second", "$EDITOR "+quote(s.Clone()+"/groups/technology.cue"),
		"git -C "+clone+" commit -a && git -C "+clone+" push")
	st := s.simulator.State()
	group, known := st.Group("Break Glass")
	user, found := st.User("farid@example.com")
	if known && found {
		v.try("give Farid the keys behind roster's back, and see them taken at the next full minute",
			"curl -X PUT "+s.manage+"groups/"+group.ID+"/members/"+user.ID)
	}
	v.try("AWS as the simulator sees it, and what else it can do", "curl "+s.manage+"state", "curl "+s.manage)
	v.try("AWS as roster sees it", "export ROSTER_AWS_TOKEN="+s.token, quote(s.Program)+" show -C "+clone)
	v.try("what the daemon is doing", "tail -f "+quote(s.Log()))
}

func (v Voice) try(about string, commands ...string) {
	v.line("   %s", v.tone(faint, "# "+about))
	for _, c := range commands {
		v.line("   %s", v.tone(cyan, c))
	}
}
