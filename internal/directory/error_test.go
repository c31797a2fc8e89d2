package directory

import (
	"context"
	"errors"
	"testing"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/scim"
)

func TestErrorsOfWritesAreConverted(t *testing.T) {
	known := []error{reconcile.ErrUncertain, reconcile.ErrUnauthorized, reconcile.ErrForbidden, reconcile.ErrNotSent}
	refusedLate := []error{known[0], known[2]}
	for name, test := range map[string]struct {
		err  error
		want []error
	}{
		"a 400":                                    {&scim.Error{Status: 400}, nil},
		"a 401":                                    {&scim.Error{Status: 401}, known[1:2]},
		"a 403":                                    {&scim.Error{Status: 403}, known[2:3]},
		"a lost response":                          {&scim.Error{Status: 503, MaybeApplied: true}, known[:1]},
		"a 401 after a lost response":              {&scim.Error{Status: 401, MaybeApplied: true}, known[:2]},
		"a 403 after no response":                  {&scim.Error{Status: 403, MaybeApplied: true}, refusedLate},
		"a call that was not sent":                 {scim.ErrNotSent, known[3:]},
		"a patch whose second part is not sent":    {&scim.PartialError{Err: scim.ErrNotSent}, known[:1]},
		"a patch whose second part is refused":     {&scim.PartialError{Err: &scim.Error{Status: 403}}, refusedLate},
		"a call whose context ended before it was": {context.Canceled, nil},
	} {
		err := convertError(test.err)
		for _, e := range known {
			want := false
			for _, w := range test.want {
				want = want || w == e
			}
			if errors.Is(err, e) != want {
				t.Errorf("%s: is it %q? %v", name, e, !want)
			}
		}
		if !errors.Is(err, test.err) {
			t.Errorf("%s: the error is lost", name)
		}
	}
}
