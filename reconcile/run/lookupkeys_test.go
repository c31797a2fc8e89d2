package run

import (
	"context"
	"errors"
	"iter"
	"testing"

	"github.com/seed-d64a251c/roster/reconcile"
)

// cutListings is a directory whose listings end early.
type cutListings struct{ reconcile.Directory }

var errCut = errors.New("the listing was cut off")

func (cutListings) Users(context.Context) iter.Seq2[reconcile.RemoteUser, error] {
	return func(yield func(reconcile.RemoteUser, error) bool) { yield(reconcile.RemoteUser{}, errCut) }
}

func (cutListings) Groups(context.Context) iter.Seq2[reconcile.RemoteGroup, error] {
	return func(yield func(reconcile.RemoteGroup, error) bool) { yield(reconcile.RemoteGroup{}, errCut) }
}

func TestAListingThatEndsEarlyHasNoAnswers(t *testing.T) {
	refs := []string{"user/a", "user/b", "user/c", "group/a", "group/b", "group/c"}
	answers, err := lookUpKeys(t.Context(), cutListings{}, refs, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, ref := range refs {
		if !errors.Is(answers[ref].Err, errCut) {
			t.Errorf("the answer for %s is %+v, want that the lookup failed", ref, answers[ref])
		}
	}
}
