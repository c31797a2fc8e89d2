package scim

import (
	"context"
	"errors"
)

// ErrNotSent means that a call of WithSending ended before a request was sent that could have taken
// effect.
var ErrNotSent = errors.New("not sent")

type sendingKey struct{}

// WithSending returns a context whose calls send requests only until sending ends. A call that
// waits for the Limiter or for a retry then ends at once. Its error is ErrNotSent and the cause of
// sending, unless an earlier request of the call may have taken effect. Requests in flight are not
// interrupted.
func WithSending(ctx, sending context.Context) context.Context {
	return context.WithValue(ctx, sendingKey{}, sending)
}

// sendingOf returns the context of WithSending, or ctx.
func sendingOf(ctx context.Context) context.Context {
	if sending, ok := ctx.Value(sendingKey{}).(context.Context); ok {
		return sending
	}
	return ctx
}

// untilSending returns a context that ends with ctx or when no more requests may be sent.
func untilSending(ctx context.Context) (context.Context, context.CancelFunc) {
	sending := sendingOf(ctx)
	out, cancel := context.WithCancelCause(ctx)
	if sending == ctx {
		return out, func() { cancel(nil) }
	}
	unhook := context.AfterFunc(sending, func() { cancel(context.Cause(sending)) })
	return out, func() { unhook(); cancel(nil) }
}

// notSent returns the error of a request that must not be sent; nil if it may be sent.
func notSent(ctx context.Context) error {
	if sending := sendingOf(ctx); sending != ctx && sending.Err() != nil {
		return &notSentError{context.Cause(sending)}
	}
	return nil
}

type notSentError struct{ cause error }

func (e *notSentError) Error() string        { return "not sent: " + e.cause.Error() }
func (e *notSentError) Is(target error) bool { return target == ErrNotSent }
func (e *notSentError) Unwrap() error        { return e.cause }
