package render

import (
	"bufio"
	"fmt"
	"io"
	"time"

	"github.com/seed-d64a251c/roster/reconcile/explain"
)

// ExplanationText prints an explanation: the first line is the answer.
func ExplanationText(w io.Writer, e *explain.Explanation, paint Paint) error {
	t := &textWriter{w: bufio.NewWriter(w), paint: paint}
	t.line("%s", e.Answer)
	t.line(
		"%s",
		t.tone(
			Faint,
			fmt.Sprintf("provisioner %s; commit %s; dates evaluated at %s", e.Provisioner, e.Commit.Short(),
				e.EvaluatedAt.Format(time.RFC3339)),
		),
	)
	for _, n := range e.Notes {
		t.line("%s %s", t.tone(Caution, "note:"), n)
	}
	for _, s := range e.Sections() {
		t.line("")
		t.line("%s", s.Title)
		for i, f := range s.Facts {
			if i == maxLines {
				t.line("  %s", t.tone(Faint, fmt.Sprintf("... and %d more; --format json lists all", len(s.Facts)-i)))
				break
			}
			if where := f.Position(); where != "" {
				t.line("  %s  %s", f, t.tone(Faint, where))
			} else {
				t.line("  %s", f)
			}
		}
	}
	return t.w.Flush()
}
