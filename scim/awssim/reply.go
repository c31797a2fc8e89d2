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

// reply is an answer, whole before its first byte is sent.
type response struct {
	status   int
	body     []byte
	location string
	allow    string        // the methods that a path has
	reason   string        // why a request was refused
	retry    time.Duration // Retry-After
	media    string        // other than the profile's
}

// failure makes the reply to a request that was refused.
func (c *call) failure(err error) response {
	var p *problem
	if !errors.As(err, &p) {
		p = &problem{status: http.StatusInternalServerError, detail: detailInternal, reason: err.Error()}
	}
	resp := response{status: p.status, reason: p.reason, allow: p.allow}
	if p.status == http.StatusTooManyRequests {
		resp.retry = c.rules.opt.Throttle.RetryAfter
	}
	if plain := c.rules.opt.PlainErrors && !c.rules.rfc; plain {
		switch p.status {
		case http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests, http.StatusInternalServerError:
			resp.body = append(quote([]byte(`{"message":`), p.detail), '}')
			return resp
		}
	}
	resp.body = p.body(c.rules, c.requestID, c.now)
	return resp
}

// delivery is how a reply reaches the caller.
type delivery uint8

const (
	deliverWhole   delivery = iota
	deliverReset            // the connection is reset
	deliverNothing          // the connection is closed without a byte
	deliverHalf             // half of the body, then the connection is closed
)

// send writes the reply, or does not.
func (resp response) send(w http.ResponseWriter, c *call, end delivery) {
	switch end {
	case deliverReset:
		hangUp(w, true)
	case deliverNothing:
		f, _ := c.faults.get(FaultReplyLost)
		_ = sleep(c.ctx, f.Delay) // a caller who has gone misses nothing
		hangUp(w, false)
	}
	h := w.Header()
	h["x-amzn-RequestId"] = []string{c.requestID}
	h.Set("Content-Type", cmp.Or(resp.media, c.rules.mediaType))
	h.Set("Date", c.now.UTC().Format(http.TimeFormat))
	if resp.reason != "" {
		h.Set("Awssim-Reason", oneLine(resp.reason))
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
	if resp.retry > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(resp.retry.Seconds()))))
	}
	if c.rules.rfc && resp.status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer")
	}
	if resp.status != http.StatusNoContent {
		h.Set("Content-Length", strconv.Itoa(len(resp.body)))
	}
	w.WriteHeader(resp.status)
	body := resp.body
	if end == deliverHalf {
		body = body[:len(body)/2]
	}
	_, _ = w.Write(body) // the caller may have gone
	if end == deliverHalf {
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

// oneLine makes s fit a header.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < 0x20 || r > 0x7e {
			return '?'
		}
		return r
	}, s)
	return s[:min(len(s), 500)]
}

// hangUp ends the connection without an answer, with a reset or an orderly close. It does not return: the panic is
// net/http's own way to abandon a reply, and what is left where the connection cannot be taken over (HTTP/2, tests without
// a network).
func hangUp(w http.ResponseWriter, reset bool) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		raw := conn
		if t, ok := conn.(interface{ NetConn() net.Conn }); ok {
			raw = t.NetConn()
		}
		if tcp, ok := raw.(*net.TCPConn); ok && reset {
			_ = tcp.SetLinger(0) // without it the close below is an orderly one, which is a fault too
		}
		_ = conn.Close()
	}
	panic(http.ErrAbortHandler)
}
