package neterror

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"syscall"
	"testing"
)

func TestWithinKeepsTheRestOfTheText(t *testing.T) {
	refused := &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1},
		Err: syscall.ECONNREFUSED}
	other := errors.New("401 Unauthorized")
	for _, c := range []struct {
		name string
		err  error
		want string
	}{
		{"a request", fmt.Errorf("list: %w", &url.Error{Op: "Get", URL: "https://h/?token=x", Err: refused}),
			"list: connection refused by 127.0.0.1:1"},
		{"a connection", fmt.Errorf("list: %w (attempt 3)", refused),
			"list: connection refused by 127.0.0.1:1 (attempt 3)"},
		{"the end of an answer", fmt.Errorf("a: %w", fmt.Errorf("b: %w", io.ErrUnexpectedEOF)),
			"a: b: the server closed the connection before the end of its answer"},
		{"an error that is not of the network", fmt.Errorf("list: %w", other), "list: 401 Unauthorized"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Within(c.err)
			if got.Error() != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if !errors.Is(got, c.err) {
				t.Error("the error is lost")
			}
		})
	}
	if Within(nil) != nil {
		t.Error("no error became one")
	}
}
