package forge

import "net/http"

// RefusedError is the error of a comment or status that the forge refuses with 401, 403 or 404: the
// token may not write. Some forges answer 404 for what a token may only read.
type RefusedError struct{ Err error }

func (e *RefusedError) Error() string { return e.Err.Error() }

func (e *RefusedError) Unwrap() error { return e.Err }

// refusal returns the error of a call that writes, as a *RefusedError if the forge refuses it.
func refusal(err error, response any) error {
	if err == nil {
		return nil
	}
	switch statusOf(response) {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
		return &RefusedError{err}
	}
	return err
}
