package awssim

import (
	"cmp"
	"errors"
	"math"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// response is a complete response that is not sent yet.
type response struct {
	status     int
	body       []byte
	location   string
	allow      string        // the methods that the path supports
	reason     string        // of a rejection
	retryAfter time.Duration // 0 omits the header
	mediaType  string        // "" means the profile's
}

// errorResponse returns the response to a rejected request.
func (c *call) errorResponse(err error) response {
	var p *problem
	if !errors.As(err, &p) {
		p = &problem{status: http.StatusInternalServerError, detail: detailInternal, reason: err.Error()}
	}
	resp := response{status: p.status, reason: p.reason, allow: p.allow}
	if p.status == http.StatusTooManyRequests {
		resp.retryAfter = c.rules.opt.Throttle.RetryAfter
	}
	if c.rules.opt.PlainErrors && !c.rules.rfc {
		switch p.status {
		case http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests, http.StatusInternalServerError:
			resp.body = append(appendString([]byte(`{"message":`), p.detail), '}')
			return resp
		}
	}
	resp.body = p.body(c.rules, c.requestID, c.now)
	return resp
}

// delivery is the way in which a response is sent.
type delivery uint8

const (
	deliverWhole   delivery = iota
	deliverReset            // the connection is reset
	deliverNothing          // the connection is closed before the first byte
	deliverHalf             // the connection is closed after half of the body
)

// send sends the response in the way d.
func (resp response) send(w http.ResponseWriter, c *call, d delivery) {
	switch d {
	case deliverReset:
		closeConnection(w, true)
	case deliverNothing:
		f, _ := c.faults.get(FaultReplyLost)
		_ = sleep(c.ctx, f.Delay) // if the caller has disconnected, there is nothing to wait for
		closeConnection(w, false)
	}
	resp.writeHeaders(w, c)
	body := resp.body
	if d == deliverHalf {
		body = body[:len(body)/2]
	}
	_, _ = w.Write(body) // an error means that the caller has disconnected
	if d == deliverHalf {
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

func (resp response) writeHeaders(w http.ResponseWriter, c *call) {
	h := w.Header()
	h["x-amzn-RequestId"] = []string{c.requestID}
	h.Set("Content-Type", cmp.Or(resp.mediaType, c.rules.mediaType))
	h.Set("Date", c.now.UTC().Format(http.TimeFormat))
	if resp.reason != "" {
		h.Set("Awssim-Reason", headerValue(resp.reason))
	}
	if names := c.faults.names(); len(names) > 0 {
		h.Set("Awssim-Fault", strings.Join(names, ", "))
	}
	if resp.location != "" {
		h.Set("Location", resp.location)
	}
	if resp.allow != "" {
		h.Set("Allow", resp.allow)
	}
	if resp.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(resp.retryAfter.Seconds()))))
	}
	if c.rules.rfc && resp.status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer")
	}
	if resp.status != http.StatusNoContent {
		h.Set("Content-Length", strconv.Itoa(len(resp.body)))
	}
	w.WriteHeader(resp.status)
}

// headerValue replaces the characters that a header cannot contain, and limits the length.
func headerValue(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < 0x20 || r > 0x7e {
			return '?'
		}
		return r
	}, s)
	return s[:min(len(s), 500)]
}

// closeConnection ends the connection without a response, by a reset or an orderly close. It does
// not return: it panics with [http.ErrAbortHandler], which makes net/http abandon the response. For
// connections that cannot be hijacked (HTTP/2, tests without a network) the panic alone closes
// them.
func closeConnection(w http.ResponseWriter, reset bool) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		raw := conn
		if t, ok := conn.(interface{ NetConn() net.Conn }); ok {
			raw = t.NetConn()
		}
		if tcp, ok := raw.(*net.TCPConn); ok && reset {
			_ = tcp.SetLinger(0) // if it fails, the close below is an orderly one, which is a fault as well
		}
		_ = conn.Close()
	}
	panic(http.ErrAbortHandler)
}
