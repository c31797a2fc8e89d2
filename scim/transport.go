package scim

import (
	"net/http"
	"sync"
)

// maxIdleConnections is the number of idle connections to one host that are kept. With Go's default
// of two, most calls of a busy client would start with a TLS handshake.
const maxIdleConnections = 100

// transport returns http.DefaultTransport with room for more idle connections. All clients without
// a transport of their own share it.
var transport = sync.OnceValue(func() http.RoundTripper {
	t, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return http.DefaultTransport
	}
	t = t.Clone()
	t.MaxIdleConns, t.MaxIdleConnsPerHost = 0, maxIdleConnections
	return t
})
