package reconcile

import (
	"errors"
	"fmt"
)

// Refused says what a directory refuses by its answers 401 and 403.
type Refused string

// What a directory can refuse. A refusal of a single object is none of these.
const (
	// RefusedAll: all calls, because of the credentials or of a network control such as a list of
	// allowed IP addresses.
	RefusedAll Refused = "all calls"
	// RefusedReads: reads that every run needs.
	RefusedReads Refused = "reads"
	// RefusedWrites: writes, although reads are answered.
	RefusedWrites Refused = "writes"
)

// RefusedError means that a directory refuses more than a single object, so nothing more is sent to
// it. Err is the answer.
type RefusedError struct {
	Refused Refused
	Err     error
}

func (e *RefusedError) Error() string {
	switch e.Refused {
	case RefusedReads:
		return fmt.Sprintf("AWS refuses reads from this address or with this token: %v", e.Err)
	case RefusedWrites:
		return fmt.Sprintf("AWS refuses writes from this address or with this token: %v", e.Err)
	}
	return fmt.Sprintf("AWS refuses this address or token for the whole instance: %v", e.Err)
}

// Unwrap returns Err.
func (e *RefusedError) Unwrap() error { return e.Err }

// RefusalOf returns the refusal that ended a run; nil if something else ended it. A 403 that ends a
// run outside of its writes was the answer to a read that every run needs.
func RefusalOf(err error) *RefusedError {
	var refused *RefusedError
	switch {
	case errors.As(err, &refused):
		return refused
	case errors.Is(err, ErrUnauthorized):
		return &RefusedError{Refused: RefusedAll, Err: err}
	case errors.Is(err, ErrForbidden):
		return &RefusedError{Refused: RefusedReads, Err: err}
	}
	return nil
}

// AdvisedError is an error of a directory with what to do about it, in complete sentences.
type AdvisedError struct {
	Err    error
	Advice string
}

func (e *AdvisedError) Error() string { return e.Err.Error() + ". " + e.Advice }

// Unwrap returns Err.
func (e *AdvisedError) Unwrap() error { return e.Err }

// WithAdvice adds to an error what to do about it. A refusal stays one. An error that has advice
// already stays as it is, and so does any error without advice.
func WithAdvice(err error, advice string) error {
	var advised *AdvisedError
	if advice == "" || errors.As(err, &advised) {
		return err
	}
	var refused *RefusedError
	if errors.As(err, &refused) {
		return &RefusedError{Refused: refused.Refused, Err: &AdvisedError{refused.Err, advice}}
	}
	return &AdvisedError{err, advice}
}
