package scim

import (
	"net/http"
	"sync"
)

// keptConnections is how many idle connections to one host are kept. Go's
// default of two makes every other call of a busy client begin with a handshake.
const keptConnections = 100

// transport is http.DefaultTransport but for the connections that it keeps. All
// clients without a transport of their own share it.
var transport = sync.OnceValue(func() http.RoundTripper {
	t, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return http.DefaultTransport
	}
	t = t.Clone()
	t.MaxIdleConns, t.MaxIdleConnsPerHost = 0, keptConnections
	return t
})
