package preview

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// pullOf returns a pull request as Pulls has it.
func (e *env) pullOf(p *Previewer, number int) Pull {
	e.t.Helper()
	list, known := p.Pulls()
	for _, pull := range list {
		if pull.Number == number {
			return pull
		}
	}
	e.t.Fatalf("pull request %d is not among %+v (known: %t)", number, list, known)
	return Pull{}
}

func TestPullsHaveTheAnswersOfTheirPreviews(t *testing.T) {
	e := newEnv(t, "ann bob")
	p := e.previewer()
	if list, known := p.Pulls(); list != nil || known {
		t.Errorf("before the first round there is %v, %t", list, known)
	}
	e.propose(7, "ann")
	e.runOnceQuietly(p)
	pull := e.pullOf(p, 7)
	if pull.Answer == nil || pull.Answer.Line != "A Test loses all access" || pull.Review != ReviewMissing ||
		pull.Pending != "" || !pull.Answer.At.Equal(e.now) {
		t.Errorf("got %+v with %+v", pull, pull.Answer)
	}
	if part := pull.Answer.Parts[0]; part.Changes != 1 || part.Preview.Changes[0].Key != "bob" {
		t.Errorf("the preview is %+v", part)
	}
	e.forge.approved[7] = []string{pull.Head}
	e.forge.open[0].Updated = e.now.Add(time.Second)
	e.runOnceQuietly(p)
	if review := e.pullOf(p, 7).Review; review != ReviewApproved {
		t.Errorf("after the approval the review is %q", review)
	}
	e.forge.open[0].Draft = true
	e.runOnceQuietly(p)
	if pull = e.pullOf(p, 7); pull.Pending == "" || pull.Answer.Stale == "" {
		t.Errorf("as a draft it is %+v with %+v", pull, pull.Answer)
	}
	e.forge.open = nil
	e.runOnceQuietly(p)
	if list, known := p.Pulls(); len(list) != 0 || !known || len(p.made) != 0 {
		t.Errorf("after the merge there is %v, %t, and %d answers are kept", list, known, len(p.made))
	}
	p.Standby = func() bool { return true }
	e.runOnceQuietly(p)
	if _, known := p.Pulls(); known {
		t.Error("a standby says that it knows the pull requests")
	}
}

func TestAPullWithoutAPreviewSaysWhy(t *testing.T) {
	e := newEnv(t, "ann bob")
	p := e.previewer()
	e.propose(7, "ann bob cleo=\"\n")
	e.runOnceQuietly(p)
	answer := e.pullOf(p, 7).Answer
	if answer == nil || !answer.Unknown || !strings.Contains(answer.Line, "invalid") ||
		!strings.Contains(fmt.Sprint(answer.Problem), "cleo.cue") {
		t.Errorf("got %+v", answer)
	}
	e.forge.err = errors.New("the token may only read")
	e.propose(8, "ann bob dave")
	if _, err := p.RunOnce(t.Context()); err == nil {
		t.Fatal("the forge refuses nothing")
	}
	e.forge.err = nil
	refuse := &refusingForge{e.forge}
	p.Forge = refuse
	e.runOnceQuietly(p)
	if pull := e.pullOf(p, 8); pull.Answer == nil || pull.Answer.Line != "A Test is new in AWS" ||
		!strings.Contains(pull.Pending, "could not be made or posted") {
		t.Errorf("a preview that the forge does not take is %+v", pull)
	}
}

// refusingForge takes no comments.
type refusingForge struct{ *fakeForge }

func (*refusingForge) Comment(context.Context, int, string) error { return errors.New("403") }

func TestAnAnswerKeepsTheGravestChangesOnly(t *testing.T) {
	preview := &reconcile.Preview{Provisioner: "aws"}
	for i := range 2 * maxKept {
		preview.Changes = append(preview.Changes, reconcile.Change{Kind: reconcile.UpdateUser, Key: fmt.Sprint("u-", i),
			Attributes: []reconcile.AttributeChange{{Path: "title", New: "x"}},
			Decision:   &reconcile.Decision{Held: []reconcile.Hold{{Gate: "maxChanges", Reason: "too many"}}}})
	}
	preview.Changes = append(preview.Changes, reconcile.Change{Kind: reconcile.DeactivateUser, Key: "u-x", Name: "x"})
	answer := newAnswer([]*reconcile.Preview{preview}, schema.Problems{{Message: "a warning"}})
	part := answer.Parts[0]
	if part.Changes != 2*maxKept+1 || len(part.Preview.Changes) != maxKept || part.Preview.Changes[0].Key != "u-x" {
		t.Errorf("kept %d of %d, first %s", len(part.Preview.Changes), part.Changes, part.Preview.Changes[0].Key)
	}
	if len(part.Gates) != 1 || part.Gates[0].Changes != 2*maxKept {
		t.Errorf("the gates are %+v", part.Gates)
	}
	if len(preview.Changes) != 2*maxKept+1 || len(answer.Warnings) != 1 {
		t.Error("the preview itself is cut, or the warning is lost")
	}
}
