package app

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/seed-d64a251c/roster/internal/httpserver"
)

// endpoint is a listener with the handler of its requests.
type endpoint struct {
	listener net.Listener
	handler  http.Handler
	hosts    httpserver.Hosts
	tls      *tls.Config  // nil: HTTP without TLS
	log      *slog.Logger // nil: none
}

// shutdownGrace is the time that the requests in flight have after the end of the context.
const shutdownGrace = 5 * time.Second

// serveHTTP serves until the context ends or a server fails. It then waits for the requests in
// flight.
func serveHTTP(ctx context.Context, limits httpserver.Limits, endpoints ...endpoint) error {
	failed := make(chan error, len(endpoints))
	var servers []*httpserver.Server
	for _, e := range endpoints {
		server := httpserver.New(e.handler, e.hosts, limits, e.tls, e.log)
		servers = append(servers, server)
		go func() { failed <- server.Serve(e.listener) }()
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	for _, server := range servers {
		err = errors.Join(err, server.Shutdown(ctx, shutdownGrace))
	}
	return err
}
