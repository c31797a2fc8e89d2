package scim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// legacyPage is the page size of IAM Identity Center as it was before cursors
// came in August 2025: the length at which a page may have been cut.
const legacyPage = 50

// maxEmptyPages bounds how many pages in a row may be empty and yet promise
// more.
const maxEmptyPages = 100

var (
	// ErrIncomplete is behind every error that ends a listing although the
	// server answered: what was not yielded is unknown, not absent.
	ErrIncomplete = errors.New("listing incomplete")

	// ErrNoCursor means that the server ignored the cursor and sent a full page,
	// which may be all or the first of many. Look objects up one by one instead.
	ErrNoCursor = fmt.Errorf("%w: the server does not page by cursor and the page is full", ErrIncomplete)

	// ErrRepeated means that a cursor or an object came a second time. Pages
	// overlap or go in circles, so others may have been left out.
	ErrRepeated = fmt.Errorf("%w: pages repeat", ErrIncomplete)
)

// ListError is a listing that did not come to its end, after so many pages and
// objects. Err is an *Error or one of the errors above.
type ListError struct {
	Op      string // "list users"
	Filter  string
	Pages   int
	Objects int
	Err     error
}

func (e *ListError) Error() string {
	where := ""
	if e.Filter != "" {
		where = " where " + e.Filter
	}
	return fmt.Sprintf("%s%s: after %d objects in %d pages: %v", e.Op, where, e.Objects, e.Pages, e.Err)
}

func (e *ListError) Unwrap() error { return e.Err }

// Users lists the users that match. The sequence ends without an error only if
// the server has ended the listing; an error is the last thing that it yields.
func (c *Client) Users(ctx context.Context, f Filter) iter.Seq2[*User, error] {
	return list(ctx, c, "list users", "/Users", f, decodeUser, func(u *User) object {
		return object{u.ID, u.ExternalID, u.UserName, u.DisplayName}
	})
}

// Groups lists the groups that match, as Users does users.
func (c *Client) Groups(ctx context.Context, f Filter) iter.Seq2[*Group, error] {
	return list(ctx, c, "list groups", "/Groups", f, c.Profile.decodeGroup, func(g *Group) object {
		return object{g.ID, g.ExternalID, "", g.DisplayName}
	})
}

// MemberIDs lists the ids of a group's members: Users, without reading the rest of
// each, which is most of what a membership costs.
func (c *Client) MemberIDs(ctx context.Context, groupID string) iter.Seq2[string, error] {
	members := list(ctx, c, "list users", "/Users", GroupsValueEq(groupID), decodeID, func(o *objectID) object { return object{id: o.ID} })
	return func(yield func(string, error) bool) {
		for o, err := range members {
			if err != nil {
				yield("", err)
				return
			}
			if !yield(o.ID, nil) {
				return
			}
		}
	}
}

func list[T any](ctx context.Context, c *Client, op, path string, f Filter,
	decode func([]byte) (*T, error), read func(*T) object) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		l := listing[T]{c: c, op: op, path: path, filter: f, decode: decode, read: read,
			cursors: map[string]bool{}, ids: map[string]bool{}}
		if err := l.run(ctx, yield); err != nil {
			yield(nil, &ListError{op, f.text(c.Profile), l.pages, len(l.ids), err})
		}
	}
}

// listing is one pass over the pages of a listing.
type listing[T any] struct {
	c        *Client
	op, path string
	filter   Filter
	decode   func([]byte) (*T, error)
	read     func(*T) object

	pages   int
	empty   int             // empty pages in a row
	cursors map[string]bool // seen
	ids     map[string]bool // seen
	indexed bool            // the server pages by index
	total   int             // what an indexed server says there is
}

// page is a ListResponse (RFC 7644 section 3.4.2, RFC 9865 section 2).
type page struct {
	Resources    *[]json.RawMessage `json:"Resources"`
	TotalResults *int               `json:"totalResults"`
	StartIndex   *int               `json:"startIndex"`
	ItemsPerPage *int               `json:"itemsPerPage"`
	NextCursor   *string            `json:"nextCursor"`
}

// run yields page after page. It returns nil when the server ended the listing,
// or the consumer did.
func (l *listing[T]) run(ctx context.Context, yield func(*T, error) bool) error {
	if err := l.filter.check(); err != nil {
		return err
	}
	cursor := ""
	for {
		p, objects, err := l.fetch(ctx, cursor)
		if err != nil {
			return err
		}
		l.pages++
		for _, o := range objects {
			key := l.read(o)
			if l.ids[key.id] {
				return fmt.Errorf("%w: object %s came twice", ErrRepeated, key.id)
			}
			l.ids[key.id] = true
			if !l.filter.matches(key) {
				return fmt.Errorf("%w: %w: object %s does not match", ErrIncomplete, errNoFilter, key.id)
			}
			if !yield(o, nil) {
				return nil
			}
		}
		next, done, err := l.next(p, len(objects))
		if done || err != nil {
			return err
		}
		cursor = next
	}
}

// fetch gets one page and reads its objects.
func (l *listing[T]) fetch(ctx context.Context, cursor string) (p page, objects []*T, err error) {
	err = l.c.do(ctx, request{op: l.op, method: http.MethodGet, path: l.path + "?" + l.query(cursor), decode: func(a answer) error {
		p, objects = page{}, nil
		var err error
		if p, err = decodePage(a.body); err != nil {
			return err
		}
		if p.Resources == nil {
			return nil
		}
		for _, raw := range *p.Resources {
			o, err := l.decode(raw)
			if err != nil {
				return err
			}
			objects = append(objects, o)
		}
		return nil
	}})
	return p, objects, err
}

// decodePage reads a ListResponse. A page that does not show that it is one, by
// Resources or a total of zero, must not pass for an empty listing.
func decodePage(data []byte) (page, error) {
	var p page
	if err := json.Unmarshal(data, &p); err != nil {
		return p, err
	}
	if p.Resources == nil && (p.TotalResults == nil || *p.TotalResults != 0 || p.NextCursor != nil) {
		return p, errors.New("not a ListResponse: it has no Resources")
	}
	return p, nil
}

// query writes the query by hand: the first page wants a bare "cursor", which
// url.Values cannot write. The filter is the same on each page, as it must be.
func (l *listing[T]) query(cursor string) string {
	var parts []string
	switch {
	case l.indexed:
		parts = append(parts, "startIndex="+strconv.Itoa(len(l.ids)+1))
	case cursor == "":
		parts = append(parts, "cursor")
	default:
		parts = append(parts, "cursor="+url.QueryEscape(cursor))
	}
	if size := l.c.pageSize(); size > 0 {
		parts = append(parts, "count="+strconv.Itoa(size))
	}
	if text := l.filter.text(l.c.Profile); text != "" {
		parts = append(parts, "filter="+url.QueryEscape(text))
	}
	return strings.Join(parts, "&")
}

func (c *Client) pageSize() int {
	if c.PageSize == 0 && c.Profile == RFC {
		return 100
	}
	return c.PageSize
}

// next decides how a listing goes on after a page of n objects:
//
//	nextCursor        go on with it, unless it was seen before
//	no totals         the end: a server that pages by cursor has ended it
//	totals, RFC       the server pages by index: go on until the total is reached
//	totals, AWS       the server ignored the cursor: the end if the page is short
func (l *listing[T]) next(p page, n int) (cursor string, done bool, err error) {
	switch {
	case p.NextCursor != nil:
		cursor, err = l.follow(*p.NextCursor, n)
		return cursor, false, err
	case p.StartIndex == nil && p.TotalResults == nil:
		return "", true, nil
	case len(l.cursors) > 0:
		// A total on the last page of a cursor listing does not matter.
		return "", true, nil
	case l.c.Profile == RFC:
		done, err = l.advance(p, n)
		return "", done, err
	default:
		return "", true, l.short(p, n)
	}
}

// follow takes up a cursor.
func (l *listing[T]) follow(cursor string, n int) (string, error) {
	if cursor == "" {
		return "", fmt.Errorf("%w: nextCursor is empty", ErrIncomplete)
	}
	if l.cursors[cursor] {
		return "", fmt.Errorf("%w: cursor %.40q came twice", ErrRepeated, cursor)
	}
	l.cursors[cursor] = true
	if l.empty++; n > 0 {
		l.empty = 0
	}
	if l.empty > maxEmptyPages {
		return "", fmt.Errorf("%w: %d empty pages in a row", ErrIncomplete, l.empty)
	}
	return cursor, nil
}

// advance decides whether a listing by index is at its end.
func (l *listing[T]) advance(p page, n int) (done bool, err error) {
	if p.TotalResults == nil {
		return false, fmt.Errorf("%w: neither nextCursor nor totalResults", ErrIncomplete)
	}
	if l.indexed && *p.TotalResults != l.total {
		return false, fmt.Errorf("%w: totalResults went from %d to %d between pages", ErrIncomplete, l.total, *p.TotalResults)
	}
	l.indexed, l.total = true, *p.TotalResults
	switch {
	case len(l.ids) == l.total:
		return true, nil
	case len(l.ids) > l.total || n == 0:
		return false, fmt.Errorf("%w: totalResults is %d, and %d came", ErrIncomplete, l.total, len(l.ids))
	}
	return false, nil
}

// short passes a page of a server without cursors if it cannot have been cut.
func (l *listing[T]) short(p page, n int) error {
	limit := legacyPage
	if size := l.c.PageSize; size > 0 {
		limit = min(limit, size)
	}
	if n >= limit || p.TotalResults != nil && *p.TotalResults > n {
		return fmt.Errorf("%w (%d objects)", ErrNoCursor, n)
	}
	return nil
}
