package reconcile

import (
	"fmt"
	"reflect"
)

// Difference returns what differs between two plans from the same input, without values; "" if
// nothing does that decides, is shown, or enters the ledger.
func Difference(in PlanInput, p, q *Plan) string {
	for _, part := range planParts {
		if x, y := part.of(p), part.of(q); !reflect.DeepEqual(x, y) {
			return fmt.Sprintf("the %s differ (%s)", part.name, sizes(x, y))
		}
	}
	none := Missing{}
	if !reflect.DeepEqual(NextLedger(in.Ledger, p, none, in.Now), NextLedger(in.Ledger, q, none, in.Now)) {
		return "the entries of the ledger after the plan differ"
	}
	return ""
}

// planParts are the parts of a plan that decide or are shown.
var planParts = []struct {
	name string
	of   func(*Plan) any
}{
	{"changes", func(p *Plan) any { return p.Changes }},
	{"counts", func(p *Plan) any { return p.Counts }},
	{"notices", func(p *Plan) any { return p.Notices }},
	{"digests", func(p *Plan) any { return [2]string{p.Digest, p.HeldDigest} }},
	{"held groups", func(p *Plan) any { return p.HeldGroups }},
	{"releases", func(p *Plan) any { return p.Releases }},
	{"upcoming ends", func(p *Plan) any { return p.Expiring }},
	{"users who are not created", func(p *Plan) any { return p.NotCreated }},
	{"unmanaged objects", func(p *Plan) any { return p.Unmanaged }},
	{"shortened ends", func(p *Plan) any { return p.ShortenedEnds }},
	{"leavers", func(p *Plan) any { return p.Target.Leavers }},
	{"approvals", func(p *Plan) any { return p.Approvals }},
}

// sizes names the sizes of two lists.
func sizes(a, b any) string {
	x, y := reflect.ValueOf(a), reflect.ValueOf(b)
	if x.Kind() != reflect.Slice && x.Kind() != reflect.Map {
		return "not the same"
	}
	return fmt.Sprintf("%d and %d", x.Len(), y.Len())
}
