// Package httpserver makes every HTTP server of roster. Each of them limits the connections, the
// headers, and the time that a client may take, and answers only requests to its own names. The
// package does not depend on what is served.
package httpserver

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"
)

// Limits bound what clients can hold. The zero value of each field means the default.
type Limits struct {
	ReadHeader  time.Duration // until the headers of a request have arrived; also for the TLS handshake
	Read        time.Duration // until a whole request has arrived
	Write       time.Duration // from the end of the headers to the end of the response
	Idle        time.Duration // between two requests of a connection
	HeaderBytes int           // of one request
	// Connections is the number of open connections. Further clients wait until one is closed,
	// which ReadHeader, Read, Write and Idle guarantee.
	Connections int
}

// defaults are the limits of a server that does not set its own.
var defaults = Limits{ReadHeader: 10 * time.Second, Read: 30 * time.Second, Write: time.Minute,
	Idle: time.Minute, HeaderBytes: 32 << 10, Connections: 512}

// Server is an HTTP server with limits. Make it with New.
type Server struct {
	server      *http.Server
	connections int
}

// New returns a server that answers requests to the names that hosts allow. tlsConfig is nil for
// HTTP without TLS. log receives what clients do wrong, at the debug level; nil drops it.
func New(handler http.Handler, hosts Hosts, l Limits, tlsConfig *tls.Config, logger *slog.Logger) *Server {
	errorLog := log.New(io.Discard, "", 0)
	if logger != nil {
		errorLog = slog.NewLogLogger(logger.Handler(), slog.LevelDebug)
	}
	return &Server{
		connections: cmp.Or(l.Connections, defaults.Connections),
		server: &http.Server{
			Handler:           hosts.limit(handler),
			ReadHeaderTimeout: cmp.Or(l.ReadHeader, defaults.ReadHeader),
			ReadTimeout:       cmp.Or(l.Read, defaults.Read),
			WriteTimeout:      cmp.Or(l.Write, defaults.Write),
			IdleTimeout:       cmp.Or(l.Idle, defaults.Idle),
			MaxHeaderBytes:    cmp.Or(l.HeaderBytes, defaults.HeaderBytes),
			TLSConfig:         tlsConfig,
			ErrorLog:          errorLog,
		},
	}
}

// Serve serves until Shutdown or Close, and closes the listener. It then returns nil.
func (s *Server) Serve(listener net.Listener) error {
	limited := netutil.LimitListener(listener, s.connections)
	var err error
	if s.server.TLSConfig != nil {
		err = s.server.ServeTLS(limited, "", "")
	} else {
		err = s.server.Serve(limited)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// Shutdown waits for the requests in flight, at most for the grace period, and then closes the
// remaining connections. Some of them may never have carried a request.
func (s *Server) Shutdown(ctx context.Context, grace time.Duration) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if s.server.Shutdown(ctx) != nil {
		return s.server.Close()
	}
	return nil
}

// Close closes all connections.
func (s *Server) Close() error { return s.server.Close() }
