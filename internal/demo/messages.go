package demo

import (
	"errors"
	"strings"

	"github.com/seed-d64a251c/roster/internal/output"
)

// printIntroduction prints where everything is.
func (e *environment) printIntroduction() {
	p := e.printer
	p.line("%s", p.paint(output.Strong,
		"roster demo: users in AWS as declared in Git; everything runs on this machine"))
	if e.pagesURL != "" {
		p.line("   %s %s  (open it in a browser)", p.paint(output.Faint, "pages     "), e.pagesURL)
	}
	p.line("   %s %s", p.paint(output.Faint, "folder    "), e.config.Dir)
	p.line("   %s %s", p.paint(output.Faint, "repository"), e.url())
	p.line("   %s %s  (simulated)", p.paint(output.Faint, "AWS       "), e.scimURL)
}

// printFailure prints why a step failed, and the last lines of the daemon's log.
func (e *environment) printFailure(err error, log []string) {
	p := e.printer
	p.line("\n   %s", p.paint(output.Alarm, "failed"))
	var m *mismatchError
	if errors.As(err, &m) {
		p.line("   %s", strings.TrimSuffix(err.Error(), ": "+m.Error()))
		p.fact("want", output.Plain, m.want)
		p.fact("got", output.Caution, m.got)
	} else {
		p.line("   %v", err)
	}
	if len(log) > 0 {
		p.line("   the end of the daemon's log:")
	}
	for _, l := range log {
		p.fact("", output.Faint, l)
	}
}

// printSuggestions prints commands to try while everything keeps running.
func (e *environment) printSuggestions() {
	p, clone := e.printer, shellQuote(e.clone())
	p.line("\n%s", p.paint(output.Strong, "Everything keeps running until Ctrl-C. In another terminal:"))
	p.suggestion("show what needs attention, as a page in a browser and as JSON",
		"xdg-open "+e.pagesURL, "curl "+e.pagesURL+"api/v1/status")
	p.suggestion("change a group: AWS follows within a second",
		"$EDITOR "+shellQuote(e.clone()+"/groups/technology.cue"),
		"git -C "+clone+" commit -a && git -C "+clone+" push")
	state := e.simulator.State()
	group, hasGroup := state.Group("Break Glass")
	user, hasUser := state.User("farid@example.com")
	if hasGroup && hasUser {
		p.suggestion("add Farid to Break Glass outside roster: roster removes him at the next full minute",
			"curl -X PUT "+e.manageURL+"groups/"+group.ID+"/members/"+user.ID)
	}
	p.suggestion("show AWS as the simulator has it, and what else the simulator can do",
		"curl "+e.manageURL+"state", "curl "+e.manageURL)
	p.suggestion("show AWS as roster reads it", "export ROSTER_SECRET_AWS="+e.token,
		shellQuote(e.config.Program)+" show --allow-host loopback -C "+clone)
	p.suggestion("follow the daemon's log", "tail -f "+shellQuote(e.logFile()))
}
