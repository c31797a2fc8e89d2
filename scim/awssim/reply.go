package awssim

import (
	"errors"
	"math"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// reply is an answer, whole before its first byte is sent.
type reply struct {
	status   int
	body     []byte
	location string
	allow    string        // the methods that a path has
	reason   string        // why a request was refused
	retry    time.Duration // Retry-After
	media    string        // other than the profile's
}

// failure makes the reply to a request that was refused.
func (c *call) failure(err error) reply {
	var p *problem
	if !errors.As(err, &p) {
		p = &problem{status: http.StatusInternalServerError, detail: detailInternal, reason: err.Error()}
	}
	rep := reply{status: p.status, reason: p.reason, allow: p.allow}
	if p.status == http.StatusTooManyRequests {
		rep.retry = c.ru.opt.Throttle.RetryAfter
	}
	if plain := c.ru.opt.PlainErrors && !c.ru.standard; plain {
		switch p.status {
		case http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests, http.StatusInternalServerError:
			rep.body = append(quote([]byte(`{"message":`), p.detail), '}')
			return rep
		}
	}
	rep.body = p.body(c.ru, c.requestID, c.now)
	return rep
}

// ending is how a reply reaches the caller.
type ending uint8

const (
	endWell     ending = iota
	endReset           // the connection is reset
	endSilence         // the connection is closed without a byte
	endTruncate        // half of the body, then the connection is closed
)

// send writes the reply, or does not.
func (rep reply) send(w http.ResponseWriter, c *call, end ending) {
	switch end {
	case endReset:
		hangUp(w, true)
	case endSilence:
		f, _ := c.hits.get(FaultReplyLost)
		_ = sleep(c.ctx, f.Delay) // a caller who has gone misses nothing
		hangUp(w, false)
	}
	h := w.Header()
	h["x-amzn-RequestId"] = []string{c.requestID}
	h.Set("Content-Type", pick(rep.media, c.ru.mediaType))
	h.Set("Date", c.now.UTC().Format(http.TimeFormat))
	if rep.reason != "" {
		h.Set("Awssim-Reason", oneLine(rep.reason))
	}
	if names := c.hits.names(); len(names) > 0 {
		h.Set("Awssim-Fault", strings.Join(names, ", "))
	}
	if rep.location != "" {
		h.Set("Location", rep.location)
	}
	if rep.allow != "" {
		h.Set("Allow", rep.allow)
	}
	if rep.retry > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(rep.retry.Seconds()))))
	}
	if c.ru.standard && rep.status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer")
	}
	if rep.status != http.StatusNoContent {
		h.Set("Content-Length", strconv.Itoa(len(rep.body)))
	}
	w.WriteHeader(rep.status)
	body := rep.body
	if end == endTruncate {
		body = body[:len(body)/2]
	}
	_, _ = w.Write(body) // the caller may have gone
	if end == endTruncate {
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
