package httpserver

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// start serves the handler on loopback and returns the address.
func start(t *testing.T, l Limits, handler http.HandlerFunc) string {
	t.Helper()
	return startWith(t, l, nil, handler)
}

func startWith(t *testing.T, l Limits, hosts Hosts, handler http.HandlerFunc) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := New(handler, hosts, l, nil, nil)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	t.Cleanup(func() {
		if err := errors.Join(server.Close(), <-ended); err != nil {
			t.Error(err)
		}
	})
	return listener.Addr().String()
}

// dial connects and sends text. The test fails if the server keeps the connection for a minute.
func dial(t *testing.T, address, text string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	return conn
}

// wantClosed reads until the server closes the connection.
func wantClosed(t *testing.T, conn net.Conn) string {
	t.Helper()
	out, err := io.ReadAll(conn)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the server keeps the connection open")
	}
	return string(out)
}

func TestEveryLimitHasADefault(t *testing.T) {
	s := New(http.NotFoundHandler(), nil, Limits{}, nil, nil)
	h := s.server
	if h.ReadHeaderTimeout <= 0 || h.ReadTimeout <= 0 || h.WriteTimeout <= 0 || h.IdleTimeout <= 0 ||
		h.MaxHeaderBytes <= 0 || s.connections <= 0 {
		t.Errorf("a limit is missing: %+v", h)
	}
}

func TestSlowClientsAreDisconnected(t *testing.T) {
	const tiny = 20 * time.Millisecond
	for _, test := range []struct {
		name    string
		limits  Limits
		request string
	}{
		{"a client that sends nothing", Limits{ReadHeader: tiny}, ""},
		{"a client that never ends its headers", Limits{ReadHeader: tiny}, "GET / HTTP/1.1\r\nHost: localhost\r\n"},
		{"a client that never ends its body", Limits{Read: tiny},
			"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf"},
		{"a client that sends no second request", Limits{Idle: tiny}, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			address := start(t, test.limits, func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
			})
			wantClosed(t, dial(t, address, test.request))
		})
	}
}

func TestAClientThatDoesNotReadIsDisconnected(t *testing.T) {
	failed := make(chan error, 1)
	address := start(t, Limits{Write: 50 * time.Millisecond}, func(w http.ResponseWriter, r *http.Request) {
		chunk := make([]byte, 1<<20)
		for {
			if _, err := w.Write(chunk); err != nil {
				failed <- err
				return
			}
		}
	})
	dial(t, address, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
	select {
	case <-failed:
	case <-time.After(time.Minute):
		t.Error("the handler still writes")
	}
}

func TestLongHeadersAreRejected(t *testing.T) {
	address := start(t, Limits{HeaderBytes: 1024}, func(http.ResponseWriter, *http.Request) {
		t.Error("the handler was called")
	})
	conn := dial(t, address, "GET / HTTP/1.1\r\nHost: localhost\r\nX: "+strings.Repeat("x", 8000)+"\r\n\r\n")
	if out := wantClosed(t, conn); !strings.HasPrefix(out, "HTTP/1.1 431 ") {
		t.Errorf("the response is %q", out)
	}
}

func TestConnectionsAreLimited(t *testing.T) {
	var current, highest atomic.Int32
	entered, release := make(chan struct{}, 10), make(chan struct{})
	address := start(t, Limits{Connections: 3}, func(http.ResponseWriter, *http.Request) {
		if n := current.Add(1); n > highest.Load() {
			highest.Store(n)
		}
		entered <- struct{}{}
		<-release
		current.Add(-1)
	})
	var conns []net.Conn
	for range 10 {
		conns = append(conns, dial(t, address, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
	}
	for range 3 {
		<-entered
	}
	close(release)
	for i, conn := range conns {
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || res.StatusCode != 200 {
			t.Errorf("client %d: %v", i, err)
		}
		conn.Close()
	}
	if highest.Load() != 3 {
		t.Errorf("%d requests at once; want 3", highest.Load())
	}
}

func TestShutdownEndsConnectionsWithoutARequest(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := New(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") }), nil,
		Limits{}, nil, nil)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	idle := dial(t, listener.Addr().String(), "")
	if res, err := http.Get("http://" + listener.Addr().String()); err != nil || res.StatusCode != 200 {
		t.Fatal(err)
	}
	if err := server.Shutdown(context.Background(), time.Millisecond); err != nil {
		t.Error(err)
	}
	wantClosed(t, idle)
	if err := <-ended; err != nil {
		t.Errorf("Serve returned %v after a shutdown", err)
	}
}
