package awssim

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// page holds the parameters of a listing.
type page struct {
	filter   string
	count    int
	byCursor bool   // the request has the parameter cursor
	start    int    // startIndex, from 1; only the rfc profile uses it
	after    uint64 // the number of the last object before the page
}

// page parses the parameters of a listing.
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
			return p, invalid(scimTypeValue, "startIndex is not a number")
		}
		p.start = max(1, n)
	}
	return p, c.readCursor(&p)
}

// readCursor parses the parameter cursor. The cursor of a first page is empty.
func (c *call) readCursor(p *page) error {
	text := c.query.Get("cursor")
	if !p.byCursor || text == "" {
		return nil
	}
	cur, ok := c.s.decodeCursor(text, c.cursorScope(p.filter))
	switch {
	case !ok:
		return invalid(scimTypeCursor, "the cursor is invalid, or it was issued for another filter")
	case c.faults.has(FaultCursorExpired), c.now.Sub(cur.issued) > c.rules.opt.cursorLifetime():
		return invalid(scimTypeCursorExpired, "the cursor has expired")
	case int(cur.count) != p.count && !c.rules.opt.CountMayChange && !c.rules.rfc:
		return invalid(scimTypeCount, "count is %d, but the cursor was issued for a count of %d", p.count, cur.count)
	}
	p.after = cur.after
	return nil
}

// readCount parses the parameter count.
func (c *call) readCount(p *page) error {
	if !c.query.Has("count") {
		return nil
	}
	n, err := strconv.Atoi(c.query.Get("count"))
	limit := c.rules.pageLimit
	switch {
	case err != nil:
		return invalid(scimTypeCount, "count is not a number")
	case c.rules.rfc:
		p.count = min(max(n, 0), limit)
		if p.byCursor {
			p.count = max(p.count, 1)
		}
	case (n < 1 || n > limit) && !c.rules.opt.ClampCount:
		return invalid(scimTypeCount, "count is %d; it must be from 1 to %d", n, limit)
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
		return listResponse(c, p, find, c.newRenderer(d, viewRead).appendUser), nil
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
		r := c.newRenderer(d, viewRead)
		r.emptyMembers = true
		return listResponse(c, p, find, r.appendGroup), nil
	})
}

// listResponse renders one page.
func listResponse[T stored](c *call, p page, find finder[T], appendItem func([]byte, T) []byte) response {
	items, next := readPage(c, p, find)
	b := append([]byte(nil), '{')
	if c.rules.rfc || !p.byCursor {
		total := len(items) // AWS returns the number of results in the page
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
		b = appendString(b, next)
	}
	b = append(b, `,"schemas":["`+urnList+`"],"Resources":`...)
	b = appendList(b, items, appendItem)
	return response{status: http.StatusOK, body: append(b, '}')}
}

// readPage returns the objects of one page, and the cursor of the next page if there is one.
func readPage[T stored](c *call, p page, find finder[T]) (items []T, next string) {
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
	case len(items) == 0: // the faults have no effect on an empty page
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
	cur := cursor{after: after, count: uint16(p.count), issued: c.now}
	return items, c.s.encodeCursor(cur, c.cursorScope(p.filter))
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

// readSearch converts the body of a search (RFC 7644 section 3.4.3) into the query of a listing.
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
			return invalid(scimTypeSyntax, "a search cannot have %s: %v", m.name, m.value)
		}
	}
	return nil
}
