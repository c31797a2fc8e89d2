package validate

import (
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// blank reports whether a text that is not empty has no visible character. The schema refuses an
// empty text.
func blank(text string) bool {
	visible := func(r rune) bool { return unicode.IsGraphic(r) && !unicode.IsSpace(r) }
	return text != "" && !strings.ContainsFunc(text, visible)
}

// reasons reports the reasons that say nothing, except those of memberships.
func (v *validator) reasons() {
	for _, key := range slices.Sorted(maps.Keys(v.Provisioners)) {
		p := v.Provisioners[key]
		for _, gate := range slices.Sorted(maps.Keys(p.Limits)) {
			l := p.Limits[gate]
			v.reason(l.Reason, l.Pos, "provisioners", key, "limits", gate)
		}
		if p.Paused != nil {
			v.reason(p.Paused.Reason, p.Paused.Pos, "provisioners", key, "paused")
		}
	}
	for _, key := range slices.Sorted(maps.Keys(v.Assertions)) {
		v.reason(v.Assertions[key].Reason, v.Assertions[key].Pos, "assertions", key)
	}
	for _, key := range slices.Sorted(maps.Keys(v.Approvals)) {
		v.reason(v.Approvals[key].Reason, v.Approvals[key].Pos, "approvals", key)
	}
}

// reason reports a blank reason of a value in a record.
func (v *validator) reason(text string, at tree.Pos, kind, key string, below ...string) {
	if !blank(text) {
		return
	}
	path := tree.JoinPath(kind, key)
	for _, name := range below {
		path = tree.JoinPath(path, name)
	}
	at = v.node(kind, key, append(below, "reason")...).PosOr(at)
	p := tree.BadLength.Problem(at, path+".reason", "the reason is blank")
	v.Report(p.WithValue(tree.Quote(text)).WithAdvice("write why"))
}
