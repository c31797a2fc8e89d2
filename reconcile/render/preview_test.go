package render_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/reconciletest"
	"github.com/seed-d64a251c/roster/reconcile/render"
)

func TestPreviewRenderings(t *testing.T) {
	w := reconciletest.NewEnv(t)
	w.Commit("enabled: true\ngroups: [\"dev\", \"ops\"]",
		reconciletest.People(12)+reconciletest.Group("dev", "Developers", 1, 9)+
			reconciletest.Group("ops", "Operators", 5, 12))
	w.Apply(reconcile.RunApplied)
	w.Commit("enabled: true\ngroups: [\"dev\"]",
		strings.Replace(reconciletest.People(14), "name2", "renamed2", 2)+
			reconciletest.Group("dev", "Developers & friends", 1, 8)+
			"groups: dev: members: {u13: {until: \"2027-01-31\"}, u14: {}}\n"+
			reconciletest.Group("ops", "Operators", 5, 12))
	list := []*reconcile.Preview{w.Preview(1, 2, false), w.Preview(1, 2, true),
		{Provisioner: "new", UnavailableReason: "cannot be previewed: it is *new*"}}
	for _, p := range list {
		p.Identity, p.Digest = "us-east-1/t0000000-0000-4000-8000-000000000001", strings.Repeat("0", len(p.Digest))
	}
	golden(t, "previews.md", render.PreviewsMarkdown(list, nil))
	var text strings.Builder
	if err := render.PreviewText(&text, list[0], nil); err != nil {
		t.Fatal(err)
	}
	golden(t, "preview.txt", text.String())
}

func TestPreviewsFitAComment(t *testing.T) {
	var list []*reconcile.Preview
	for i := range 300 {
		p := &reconcile.Preview{Provisioner: fmt.Sprintf("aws-%d", i), Identity: "here"}
		for j := range 300 {
			p.Changes = append(
				p.Changes,
				reconcile.Change{
					Kind:   reconcile.RemoveMember,
					Key:    "g",
					Name:   strings.Repeat("g", 200),
					Member: fmt.Sprint(j),
					Decision: &reconcile.Decision{Held: []reconcile.Hold{
						{Gate: "memberRemovals", Reason: strings.Repeat("w", 100) + fmt.Sprint(j)},
					}},
				},
			)
			p.EndDateChanges = append(p.EndDateChanges,
				reconcile.EndDateChange{UserName: strings.Repeat("u", 100), New: "2027-01-31",
					Effect: reconcile.EffectEndDate})
			p.Notices = append(p.Notices, strings.Repeat("n", 100))
		}
		list = append(list, p)
	}
	text := render.PreviewsMarkdown(list, nil)
	if len(text) > render.MaxMarkdown {
		t.Errorf("the page has %d bytes; want at most %d", len(text), render.MaxMarkdown)
	}
	first, _, _ := strings.Cut(text, "\n")
	if !strings.Contains(first, "300 people leave 1 group (held)") || !strings.Contains(first, "not listed below") {
		t.Errorf("the first line is %q", first)
	}
}
