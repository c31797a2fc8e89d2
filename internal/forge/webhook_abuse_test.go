package forge

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// untouchedBody fails the test if it is read.
type untouchedBody struct{ t *testing.T }

func (b untouchedBody) Read([]byte) (int, error) {
	b.t.Error("the body is read")
	return 0, io.EOF
}

func TestABodyWithoutAWellFormedSignatureIsNotRead(t *testing.T) {
	for _, test := range []struct {
		name, path string
		headers    []string
		length     int64
		want       int
	}{
		{"GitHub, no signature", "/webhooks/github", nil, -1, 401},
		{"GitHub, not hexadecimal", "/webhooks/github",
			[]string{"X-Hub-Signature-256", "sha256=" + strings.Repeat("z", 64)}, -1, 401},
		{"GitHub, a short signature", "/webhooks/github", []string{"X-Hub-Signature-256", "sha256=ab"}, -1, 401},
		{"GitHub, no scheme", "/webhooks/github", []string{"X-Hub-Signature-256", hexMAC("s", "")}, -1, 401},
		{"Gitea, no signature", "/webhooks/gitea", nil, -1, 401},
		{"Gitea, a long signature", "/webhooks/gitea", []string{"X-Gitea-Signature", hexMAC("s", "") + "00"}, -1, 401},
		{"GitLab, no token", "/webhooks/gitlab", nil, -1, 401},
		{"GitLab, a wrong token", "/webhooks/gitlab", []string{"X-Gitlab-Token", "guess"}, -1, 401},
		{"an announced length over the limit", "/webhooks/github",
			[]string{"X-Hub-Signature-256", "sha256=" + hexMAC("s", "")}, maxDelivery + 1, 413},
		{"an unknown forge", "/webhooks/svn", nil, -1, 404},
	} {
		t.Run(test.name, func(t *testing.T) {
			req := httptest.NewRequest("POST", test.path, untouchedBody{t})
			req.ContentLength = test.length
			for i := 0; i+1 < len(test.headers); i += 2 {
				req.Header.Set(test.headers[i], test.headers[i+1])
			}
			rec := httptest.NewRecorder()
			(&Webhooks{Secrets: [][]byte{[]byte("s")}, Trigger: func() { t.Error("triggered") }}).ServeHTTP(rec, req)
			if rec.Code != test.want || test.want != 404 && rec.Header().Get("Connection") != "close" {
				t.Errorf("status %d, headers %v; want %d", rec.Code, rec.Header(), test.want)
			}
		})
	}
}

func TestRejectedDeliveriesDoNotUseUpTheRateOfAuthenticOnes(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	var log bytes.Buffer
	w := &Webhooks{Secrets: [][]byte{[]byte("s")}, Trigger: func() {}, Now: func() time.Time { return now },
		Log: slog.New(slog.NewTextHandler(&log, nil))}
	for i := range 1000 {
		forged := []string{"X-Hub-Signature-256", "sha256=" + hexMAC("guess", fmt.Sprint(i))}
		if code := deliver(w, "/webhooks/github", fmt.Sprint(i), forged...).Code; code != 401 {
			t.Fatalf("a forged delivery has the status %d", code)
		}
	}
	send := func(i int) int {
		body := fmt.Sprint("real ", i)
		return deliver(w, "/webhooks/github", body, "X-Hub-Signature-256", "sha256="+hexMAC("s", body)).Code
	}
	for i := range deliveryBurst {
		if code := send(i); code != 202 {
			t.Fatalf("delivery %d has the status %d", i, code)
		}
	}
	if code := send(deliveryBurst); code != 429 {
		t.Errorf("one more has the status %d; want 429", code)
	}
	if code := send(0); code != 200 {
		t.Errorf("a repeated delivery has the status %d; want 200", code)
	}
	now = now.Add(time.Second)
	if code := send(deliveryBurst); code != 202 {
		t.Errorf("a delivery that the forge repeats after a 429 has the status %d; want 202", code)
	}
	if n := strings.Count(log.String(), "\n"); n != warningBurst {
		t.Errorf("%d warnings; want %d", n, warningBurst)
	}
}

func TestSlowSendersNeitherHoldMemoryNorKeepDeliveriesWaiting(t *testing.T) {
	const slow = 144
	w := &Webhooks{Secrets: [][]byte{[]byte("s")}, Trigger: func() {}, BodyTimeout: time.Hour}
	var handling atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		handling.Add(1)
		defer handling.Add(-1)
		w.ServeHTTP(rw, r)
	}))
	defer server.Close()
	closed := make(chan bool, slow)
	for range slow {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "POST /webhooks/github HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n"+
			"X-Hub-Signature-256: sha256=%s\r\n\r\n", maxDelivery, hexMAC("guess", ""))
		go func() {
			chunk := make([]byte, 1<<20)
			_, _ = conn.Write(chunk)
			_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
			_, err := io.Copy(io.Discard, conn)
			closed <- !errors.Is(err, os.ErrDeadlineExceeded)
		}()
	}
	for range slow - maxUploads {
		if !<-closed {
			t.Fatal("the daemon waits for a slow sender")
		}
	}
	if n := handling.Load(); n > maxUploads {
		t.Errorf("%d requests are handled at once; want at most %d", n, maxUploads)
	}
	req, err := http.NewRequest("POST", server.URL+"/webhooks/github", strings.NewReader("real"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Hub-Signature-256", "sha256="+hexMAC("s", "real"))
	res, err := http.DefaultClient.Do(req)
	if err != nil || res.StatusCode != 202 {
		t.Errorf("a delivery of the forge: %v, %v", res, err)
	}
}

// A body is hashed in small parts. The buffer is the only memory that depends on the body.
func TestABodyIsNotInMemory(t *testing.T) {
	largest := 0
	body := readerFunc(func(p []byte) (int, error) {
		largest = max(largest, len(p))
		return len(p), nil // without an end
	})
	req := httptest.NewRequest("POST", "/webhooks/github", body)
	req.Header.Set("X-Hub-Signature-256", "sha256="+hexMAC("s", ""))
	rec := httptest.NewRecorder()
	(&Webhooks{Secrets: [][]byte{[]byte("s")}, Trigger: func() { t.Error("triggered") }}).ServeHTTP(rec, req)
	if rec.Code != 413 || largest > bodyBuffer {
		t.Errorf("status %d, a read of %d bytes; want 413 and at most %d", rec.Code, largest, bodyBuffer)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestABodyThatDoesNotArriveInTimeIsRejected(t *testing.T) {
	server := httptest.NewServer(&Webhooks{Secrets: [][]byte{[]byte("s")}, Trigger: func() { t.Error("triggered") },
		BodyTimeout: time.Millisecond})
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /webhooks/github HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n"+
		"X-Hub-Signature-256: sha256=%s\r\n\r\nhalf", hexMAC("s", "half"))
	_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
	if out, err := io.ReadAll(conn); err != nil || !strings.HasPrefix(string(out), "HTTP/1.1 400 ") {
		t.Errorf("the response is %q, %v", out, err)
	}
}
