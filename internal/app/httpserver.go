package app

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"
)

// endpoint is a listener with the handler of its requests.
type endpoint struct {
	listener net.Listener
	handler  http.Handler
}

// serveHTTP serves until the context ends or a server fails. It then gives the requests in flight
// five seconds to finish.
func serveHTTP(ctx context.Context, endpoints []endpoint) error {
	failed := make(chan error, len(endpoints))
	var servers []*http.Server
	for _, e := range endpoints {
		server := &http.Server{Handler: e.handler, ReadHeaderTimeout: 10 * time.Second}
		servers = append(servers, server)
		go func() { failed <- server.Serve(e.listener) }()
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	for _, server := range servers {
		if server.Shutdown(grace) != nil { // it waits for connections that never carried a request
			err = errors.Join(err, server.Close())
		}
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
