package awssim

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// page is what a listing asks for.
type page struct {
	filter   string
	count    int
	byCursor bool   // with the parameter cursor
	start    int    // startIndex, from 1; the rfc profile alone looks at it
	after    uint64 // the number of the object before the page
}

// cursor is the place where a listing goes on. It is sealed, so that nobody makes one up, and in characters that must be
// escaped in a query.
type cursor struct {
	after  uint64
	count  uint16
	issued time.Time
}

const cursorBody = 8 + 2 + 8

// seal makes the text of a cursor that is good for one listing: an operation and a filter.
func (s *Server) encodeCursor(cur cursor, listing string) string {
	b := make([]byte, cursorBody, cursorBody+16)
	binary.BigEndian.PutUint64(b, cur.after)
	binary.BigEndian.PutUint16(b[8:], cur.count)
	binary.BigEndian.PutUint64(b[10:], uint64(cur.issued.Unix()))
	return base64.StdEncoding.EncodeToString(append(b, s.sign(b, listing)...))
}

func (s *Server) sign(b []byte, listing string) []byte {
	mac := hmac.New(sha256.New, s.key[:])
	mac.Write(b)
	mac.Write([]byte(listing))
	return mac.Sum(nil)[:16]
}

// open reads a cursor. One for another listing fails like one made up.
func (s *Server) decodeCursor(text, listing string) (cursor, bool) {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(b) != cursorBody+16 || !hmac.Equal(b[cursorBody:], s.sign(b[:cursorBody], listing)) {
		return cursor{}, false
	}
	return cursor{
		after:  binary.BigEndian.Uint64(b),
		count:  binary.BigEndian.Uint16(b[8:]),
		issued: time.Unix(int64(binary.BigEndian.Uint64(b[10:])), 0),
	}, true
}

// page reads the parameters of a listing.
func (c *call) page() (page, error) {
	p := page{filter: c.query.Get("filter"), count: c.rules.pageLimit, start: 1}
	p.byCursor = c.rules.cursors && c.query.Has("cursor")
	if c.query.Has("filter") && p.filter == "" {
		return p, badFilter("filter: empty")
	}
	if err := c.readCount(&p); err != nil {
		return p, err
	}
	if c.rules.rfc && c.query.Has("startIndex") && !p.byCursor {
		n, err := strconv.Atoi(c.query.Get("startIndex"))
		if err != nil {
			return p, invalid(scimTypeValue, "startIndex is no number")
		}
		p.start = max(1, n)
	}
	text := c.query.Get("cursor")
	if !p.byCursor || text == "" {
		return p, nil
	}
	cur, ok := c.s.decodeCursor(text, c.cursorScope(p.filter))
	switch {
	case !ok:
		return p, invalid(scimTypeCursor, "the cursor is not one of this listing: it is made up, or the filter has changed")
	case c.faults.has(FaultCursorExpired), c.now.Sub(cur.issued) > c.rules.opt.cursorLifetime():
		return p, invalid(scimTypeCursorExpired, "the cursor has expired")
	case int(cur.count) != p.count && !c.rules.opt.CountMayChange && !c.rules.rfc:
		return p, invalid(scimTypeCount, "count was %d and is now %d", cur.count, p.count)
	}
	p.after = cur.after
	return p, nil
}

// listing names what a cursor is good for.
func (c *call) cursorScope(filter string) string { return c.op.path + "\x00" + filter }

func (c *call) readCount(p *page) error {
	if !c.query.Has("count") {
		return nil
	}
	n, err := strconv.Atoi(c.query.Get("count"))
	limit := c.rules.pageLimit
	switch {
	case err != nil:
		return invalid(scimTypeCount, "count is no number")
	case c.rules.rfc:
		p.count = min(max(n, 0), limit)
		if p.byCursor {
			p.count = max(p.count, 1)
		}
	case (n < 1 || n > limit) && !c.rules.opt.ClampCount:
		return invalid(scimTypeCount, "count is %d: it goes from 1 to %d", n, limit)
	default:
		p.count = min(max(n, 1), limit)
	}
	return nil
}

func (c *call) listUsers() (response, error) {
	p, err := c.page()
	if err != nil {
		return response{}, err
	}
	return c.read(func(d *directory) (response, error) {
		find, err := c.rules.findUsers(d, p.filter)
		if err != nil {
			return response{}, err
		}
		return list(c, p, find, c.newRenderer(d, viewRead).user), nil
	})
}

func (c *call) listGroups() (response, error) {
	p, err := c.page()
	if err != nil {
		return response{}, err
	}
	return c.read(func(d *directory) (response, error) {
		find, err := c.rules.findGroups(d, p.filter)
		if err != nil {
			return response{}, err
		}
		w := c.newRenderer(d, viewRead)
		w.empty = true
		return list(c, p, find, w.group), nil
	})
}

// list renders one page.
func list[T sequenced](c *call, p page, find finder[T], render func([]byte, T) []byte) response {
	items, next := fillPage(c, p, find)
	b := append([]byte(nil), '{')
	if c.rules.rfc || !p.byCursor {
		total := len(items) // AWS counts what it returns, not what there is
		if c.rules.rfc {
			total = 0
			for range find(0) {
				total++
			}
		}
		b = append(b, `"totalResults":`...)
		b = strconv.AppendInt(b, int64(total), 10)
		b = append(b, ',')
	}
	b = append(b, `"itemsPerPage":`...)
	b = strconv.AppendInt(b, int64(len(items)), 10)
	if !p.byCursor {
		b = append(b, `,"startIndex":`...)
		b = strconv.AppendInt(b, int64(p.start), 10)
	}
	if next != "" {
		b = append(b, `,"nextCursor":`...)
		b = quote(b, next)
	}
	b = append(b, `,"schemas":["`+urnList+`"],"Resources":`...)
	b = appendList(b, items, render)
	return response{status: http.StatusOK, body: append(b, '}')}
}

// fill takes the objects of one page, and makes the cursor of the next if there is one.
func fillPage[T sequenced](c *call, p page, find finder[T]) (items []T, next string) {
	skip, more := p.start-1, false
	for v := range find(p.after) {
		if skip > 0 {
			skip--
			continue
		}
		if len(items) == p.count {
			more = true
			break
		}
		items = append(items, v)
	}
	if !p.byCursor {
		return items, ""
	}
	switch {
	case len(items) == 0: // there is nothing that a fault could keep back
	case c.faults.has(FaultEmptyPage):
		items, more = nil, true
	case c.faults.has(FaultShortPage):
		items, more = items[:(len(items)+1)/2], true
	}
	after := p.after
	if n := len(items); n > 0 && !c.faults.has(FaultRepeatPage) {
		after = items[n-1].sequence()
	}
	if !more && !c.faults.has(FaultRepeatPage) {
		return items, ""
	}
	return items, c.s.encodeCursor(cursor{after: after, count: uint16(p.count), issued: c.now}, c.cursorScope(p.filter))
}

func (c *call) searchUsers() (response, error) {
	if err := c.readSearch(); err != nil {
		return response{}, err
	}
	return c.listUsers()
}

func (c *call) searchGroups() (response, error) {
	if err := c.readSearch(); err != nil {
		return response{}, err
	}
	return c.listGroups()
}

// readSearch turns the body of a search, RFC 7644 section 3.4.3, into the query of a listing.
func (c *call) readSearch() error {
	doc, err := c.document()
	if err != nil {
		return err
	}
	for _, m := range doc {
		switch v := m.value.(type) {
		case string:
			c.query.Set(m.name, v)
		case json.Number:
			c.query.Set(m.name, v.String())
		case []any:
			if m.name == "schemas" && !slices.Equal(v, []any{urnSearch}) {
				return invalid(scimTypeSyntax, "schemas is not [%q]", urnSearch)
			}
			var names []string
			for _, e := range v {
				name, _ := e.(string)
				names = append(names, name)
			}
			c.query.Set(m.name, strings.Join(names, ","))
		default:
			return invalid(scimTypeSyntax, "a search has no %s: %v", m.name, m.value)
		}
	}
	return nil
}
