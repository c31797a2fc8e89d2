package scim

import (
	"errors"
	"net/http"
)

// ErrReadOnly is the answer of a ReadOnly transport to anything but a GET.
var ErrReadOnly = errors.New("read-only: only GET is allowed")

// ReadOnly returns a transport that passes GET requests on to next and refuses
// all others before they leave. Nil means what a Client uses that has no
// transport of its own.
func ReadOnly(next http.RoundTripper) http.RoundTripper {
	if next == nil {
		next = transport()
	}
	return readOnly{next}
}

type readOnly struct{ next http.RoundTripper }

func (t readOnly) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method != http.MethodGet {
		if req.Body != nil {
			_ = req.Body.Close() // a RoundTripper must, on errors too
		}
		return nil, ErrReadOnly
	}
	return t.next.RoundTrip(req)
}
