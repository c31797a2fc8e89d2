package neterror

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"
)

// internal are words of Go and of the operating system that no message may have.
var internal = regexp.MustCompile(`dial tcp|read tcp|connect:|lookup|EOF|context |x509|tls:|http:|unmarshal|` +
	`invalid char|transport|deadline|strconv`)

// answer starts a server that answers each connection with a text, and closes it.
func answer(t *testing.T, text string, read bool) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if read {
				_, _ = c.Read(make([]byte, 4096))
			}
			_, _ = io.WriteString(c, text)
			_ = c.Close()
		}
	}()
	return l.Addr().String()
}

// get requests an address and decodes the answer, as clients do.
func get(t *testing.T, address string, timeout time.Duration) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := (&http.Client{Transport: &http.Transport{}}).Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	var value struct{ A int }
	return json.Unmarshal(body, &value)
}

func TestMessagesAreForPeople(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"
	html, list, short := "<html>", `{"a": []}`, `{"a":`
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	secure.Config.ErrorLog = nil
	t.Cleanup(secure.Close)
	closed := answer(t, "", true)
	waits := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
	}))
	t.Cleanup(waits.Close)
	unused, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refused := unused.Addr().String()
	_ = unused.Close()
	for _, tt := range []struct{ name, address, want string }{
		{"nothing listens", "http://" + refused, "connection refused by " + refused},
		{"the port does not exist", "http://127.0.0.1:99999", "is not a valid address: invalid port"},
		{"the server closes the connection", "http://" + closed, "closed the connection without an answer"},
		{"the server closes it during TLS", "https://" + closed, "closed the connection without an answer"},
		{"the answer is cut off", "http://" + answer(t, fmt.Sprintf(ok, 99, short), true),
			"closed the connection before the end of its answer"},
		{"the answer is a page", "http://" + answer(t, fmt.Sprintf(ok, len(html), html), true),
			"the answer is not JSON"},
		{"the answer has another type", "http://" + answer(t, fmt.Sprintf(ok, len(list), list), true),
			"not the JSON that was expected"},
		{"the answer is half a document", "http://" + answer(t, fmt.Sprintf(ok, len(short), short), true),
			"the answer is not JSON"},
		{"another protocol answers", "http://" + answer(t, "SSH-2.0-x\r\n", true), "the answer is not HTTP"},
		{"another protocol answers TLS", "https://" + answer(t, "SSH-2.0-x\r\n", true),
			"does not use TLS on this port"},
		{"a server without TLS", "https://" + strings.TrimPrefix(waits.URL, "http://"),
			"does not use TLS on this port"},
		{"an unknown authority", secure.URL, "not signed by an authority that this machine trusts"},
		{"the server does not answer", waits.URL, "did not answer in time"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			timeout := time.Minute
			if tt.address == waits.URL {
				timeout = 10 * time.Millisecond
			}
			cause := get(t, tt.address, timeout)
			err := Explain(cause)
			if err == nil || !strings.Contains(err.Error(), tt.want) || internal.MatchString(err.Error()) {
				t.Errorf("%v\nis explained as\n%v\nwant %q", cause, err, tt.want)
			}
		})
	}
}

func TestErrorsAreKept(t *testing.T) {
	for _, err := range []error{nil, context.Canceled, errors.New("disk full"),
		fmt.Errorf("stop: %w", context.Canceled)} {
		if got := Explain(err); got != err {
			t.Errorf("%v is explained as %v", err, got)
		}
	}
	not := &net.DNSError{Err: "no such host", Name: "a.invalid", IsNotFound: true}
	var dns *net.DNSError
	err := Explain(fmt.Errorf("call: %w", not))
	if !errors.As(err, &dns) || err.Error() != "the host a.invalid does not exist" {
		t.Errorf("%v", err)
	}
	if err := Explain(io.ErrUnexpectedEOF); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%v", err)
	}
}
