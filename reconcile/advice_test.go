package reconcile

import (
	"errors"
	"fmt"
	"testing"
)

func TestAdviceIsAddedOnceAndKeepsTheKindOfTheError(t *testing.T) {
	plain := errors.New("no answer")
	for _, tt := range []struct {
		name    string
		err     error
		advice  string
		want    string
		refused Refused
	}{
		{"no advice leaves the error as it is", plain, "", "no answer", ""},
		{"an error gets a sentence", plain, "Call AWS.", "no answer. Call AWS.", ""},
		{"advice is not repeated", fmt.Errorf("run: %w", &AdvisedError{plain, "Call AWS."}), "Wait.",
			"run: no answer. Call AWS.", ""},
		{"rejected credentials stay a refusal", fmt.Errorf("list users: %w", ErrUnauthorized), "Make a token.",
			"list users: the directory rejects the credentials. Make a token.", RefusedAll},
		{"refused writes stay refused writes", &RefusedError{RefusedWrites, plain}, "Ask.",
			"AWS refuses writes from this address or with this token: no answer. Ask.", RefusedWrites},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := WithAdvice(tt.err, tt.advice)
			if got.Error() != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			refusal := RefusalOf(got)
			if (refusal != nil) != (tt.refused != "") || refusal != nil && refusal.Refused != tt.refused {
				t.Errorf("the refusal is %v, want %q", refusal, tt.refused)
			}
			if !errors.Is(got, errors.Unwrap(tt.err)) && errors.Unwrap(tt.err) != nil {
				t.Error("the cause is lost")
			}
		})
	}
}
