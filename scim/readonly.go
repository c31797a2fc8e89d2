package scim

import (
	"errors"
	"net/http"
)

// ErrReadOnly is the error of a ReadOnly transport for requests other than GET.
var ErrReadOnly = errors.New("read-only: only GET is allowed")

// ReadOnly returns a transport that passes GET requests on to next and rejects all others before
// they are sent. If next is nil, the default transport of Client is used.
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
			_ = req.Body.Close() // a RoundTripper must close it, on errors too
		}
		return nil, ErrReadOnly
	}
	return t.next.RoundTrip(req)
}
