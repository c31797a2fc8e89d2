package reconcile

import (
	"fmt"

	"github.com/seed-d64a251c/roster/schema"
)

// The rule of limits: a gate that is off lets everything pass; of two limits the lower one is
// stricter.

// loosenedLimits returns the gates whose limit rises or that are turned off.
func loosenedLimits(before, after *Policy) []Loosening {
	var out []Loosening
	for _, g := range gates {
		if g.alwaysOn {
			continue
		}
		was, is := before.Provisioner.Limits[g.name], after.Provisioner.Limits[g.name]
		if !g.looser(was, is) {
			continue
		}
		l := Loosening{Field: g.name, Was: g.limitText(was), Is: g.limitText(is)}
		l.Text = fmt.Sprintf("safety gate %s loosened (%s -> %s)", g.name, l.Was, l.Is)
		if is != nil {
			l.Position = is.Pos.String()
		}
		out = append(out, l)
	}
	return out
}

// looser reports whether a gate holds less with one declared limit than with an earlier one.
func (g gate) looser(was, is *schema.Limit) bool {
	switch {
	case isOff(was):
		return false
	case isOff(is):
		return true
	}
	return g.limit != nil && g.tuned(is).exceeds(g.tuned(was))
}

func isOff(l *schema.Limit) bool { return l != nil && l.Off }

// tightenLimit gives a gate the lower of two limits.
func tightenLimit(out, before *Policy, gate string) {
	g, was, is := gateNamed(gate), before.Provisioner.Limits[gate], out.Provisioner.Limits[gate]
	if g.limit == nil || isOff(is) {
		if delete(out.Provisioner.Limits, gate); was != nil {
			out.Provisioner.Limits[gate] = was
		}
		return
	}
	a, b := g.tuned(was).normal(), g.tuned(is).normal()
	lower := limit{
		least: min(a.least, b.least), percent: min(a.percent, b.percent), most: min(a.most, b.most),
	}
	stricter := &schema.Limit{Min: &lower.least, Percent: &lower.percent, Max: &lower.most}
	if is != nil {
		stricter.Pos, stricter.Reason = is.Pos, is.Reason
	}
	out.Provisioner.Limits[gate] = stricter
}

// normal returns an equal limit in which no number is without effect.
func (l limit) normal() limit {
	l.least = max(l.least, 0)
	if l.most <= l.least || l.percent <= 0 {
		return limit{least: l.least, most: l.least}
	}
	return l
}

// exceeds reports whether a limit allows more than another one for some base.
func (l limit) exceeds(other limit) bool {
	a, b := l.normal(), other.normal()
	return a.least > b.least || a.most > b.most || a.percent > b.percent && a.most > b.least
}

// limitText returns a declared limit for operators.
func (g gate) limitText(declared *schema.Limit) string {
	switch {
	case isOff(declared):
		return "off"
	case g.limit == nil:
		return "on"
	}
	l := g.tuned(declared).normal()
	switch {
	case l.percent == 0:
		return fmt.Sprint(l.least)
	case l.most == unbounded:
		return fmt.Sprintf("%d or %v %%", l.least, l.percent)
	}
	return fmt.Sprintf("%d or %v %% up to %d", l.least, l.percent, l.most)
}
