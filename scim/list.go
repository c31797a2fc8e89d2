package scim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// legacyPageSize is the page size of IAM Identity Center before it introduced cursors in August
// 2025. A page of this length may be incomplete.
const legacyPageSize = 50

// maxEmptyPages is the maximum number of consecutive empty pages with a next cursor.
const maxEmptyPages = 100

// defaultMaxObjects is ten times the largest number of users in the quotas of IAM Identity Center.
const defaultMaxObjects = 1_000_000

var (
	// ErrIncomplete is wrapped by every error that ends a listing although the server answered.
	// Objects that were not yielded may exist.
	ErrIncomplete = errors.New("listing incomplete")

	// ErrNoCursor means that the server ignored the cursor and sent a full page, so there may be
	// more objects. Look up single objects instead.
	ErrNoCursor = fmt.Errorf("%w: the server does not page by cursor and the page is full", ErrIncomplete)

	// ErrRepeated means that a cursor or an object was sent twice. Pages overlap, so other objects
	// may be missing.
	ErrRepeated = fmt.Errorf("%w: pages repeat", ErrIncomplete)
)

// ListError is a listing that ended early, with the number of pages and objects until then. Err
// wraps an *Error or one of the errors above.
type ListError struct {
	Op      string // "list users"
	Filter  string
	Pages   int
	Objects int
	Err     error
}

func (e *ListError) Error() string {
	if first := (*Error)(nil); e.Pages == 0 && errors.As(e.Err, &first) && first.Op == e.Op {
		return e.Err.Error() // it has the operation and, in its path, the filter
	}
	where := ""
	if e.Filter != "" {
		where = " where " + e.Filter
	}
	return fmt.Sprintf("%s%s: after %d objects in %d pages: %v", e.Op, where, e.Objects, e.Pages, e.Err)
}

func (e *ListError) Unwrap() error { return e.Err }

// Users lists the users that match. The sequence ends without an error only if the listing is
// complete. An error is the last element of the sequence.
func (c *Client) Users(ctx context.Context, f Filter) iter.Seq2[*User, error] {
	return list(ctx, c, "list users", "/Users", f, decodeUser, func(u *User) object {
		return object{u.ID, u.ExternalID, u.UserName, u.DisplayName}
	})
}

// Groups lists the groups that match, like Users.
func (c *Client) Groups(ctx context.Context, f Filter) iter.Seq2[*Group, error] {
	return list(ctx, c, "list groups", "/Groups", f, c.Profile.decodeGroup, func(g *Group) object {
		return object{g.ID, g.ExternalID, "", g.DisplayName}
	})
}

// MemberIDs lists the ids of the members of a group. It is faster than Users, because it decodes
// only the ids.
func (c *Client) MemberIDs(ctx context.Context, groupID string) iter.Seq2[string, error] {
	return list(ctx, c, "list users", "/Users", GroupsValueEq(groupID), decodeID,
		func(id string) object { return object{id: id} })
}

func list[T any](ctx context.Context, c *Client, op, path string, f Filter,
	decode func(*jsontext.Decoder) (T, error), read func(T) object) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		l := listing[T]{c: c, op: op, path: path, filter: f, decode: decode, read: read,
			cursors: map[string]bool{}, ids: map[string]bool{}}
		if err := l.run(ctx, yield); err != nil {
			yield(*new(T), &ListError{op, f.text(c.Profile), l.pages, len(l.ids), err})
		}
	}
}

// listing is one pass over the pages of a listing.
type listing[T any] struct {
	c        *Client
	op, path string
	filter   Filter
	decode   func(*jsontext.Decoder) (T, error)
	read     func(T) object

	pages   int
	empty   int             // number of consecutive empty pages
	cursors map[string]bool // of the pages until now
	ids     map[string]bool // of the objects until now
	indexed bool            // the server pages by index
	total   int             // totalResults, if the server pages by index
}

// page is a ListResponse (RFC 7644 section 3.4.2, RFC 9865 section 2).
type page struct {
	hasResources bool
	TotalResults *int
	StartIndex   *int
	ItemsPerPage *int
	NextCursor   *string
}

// run yields the objects of all pages. It returns nil if the listing is complete or the consumer
// stopped.
func (l *listing[T]) run(ctx context.Context, yield func(T, error) bool) error {
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
				return fmt.Errorf("%w: object %s was sent twice", ErrRepeated, key.id)
			}
			if limit := cmp.Or(l.c.MaxObjects, defaultMaxObjects); len(l.ids) >= limit {
				return fmt.Errorf("%w: more than %d objects", ErrIncomplete, limit)
			}
			l.ids[key.id] = true
			if !l.filter.matches(key) {
				return fmt.Errorf("%w: %w: object %s does not match", ErrIncomplete, errFilterIgnored, key.id)
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

// fetch reads one page.
func (l *listing[T]) fetch(ctx context.Context, cursor string) (p page, objects []T, err error) {
	decode := func(res response) (err error) {
		p, objects, err = decodePage(res.body, l.decode)
		return err
	}
	path := l.path + "?" + l.query(cursor)
	err = l.c.do(ctx, request{op: l.op, method: http.MethodGet, path: path, decode: decode})
	return p, objects, err
}

// query returns the query of a page. It does not use url.Values, because the first page requires a
// "cursor" without a value.
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

// next decides how a listing continues after a page of n objects:
//
//	nextCursor        continue with it, unless it is a repeated one
//	no totals         done: a server that pages by cursor has sent the last page
//	totals, RFC       the server pages by index: continue until the total is reached
//	totals, AWS       the server ignored the cursor: done if the page is short
func (l *listing[T]) next(p page, n int) (cursor string, done bool, err error) {
	switch {
	case p.NextCursor != nil:
		cursor, err = l.nextCursor(*p.NextCursor, n)
		return cursor, false, err
	case p.StartIndex == nil && p.TotalResults == nil:
		return "", true, nil
	case len(l.cursors) > 0:
		// A total on the last page of a cursor listing does not matter.
		return "", true, nil
	case l.c.Profile == RFC:
		done, err = l.indexDone(p, n)
		return "", done, err
	default:
		return "", true, l.checkShort(p, n)
	}
}

// nextCursor checks the cursor of the next page.
func (l *listing[T]) nextCursor(cursor string, n int) (string, error) {
	if cursor == "" {
		return "", fmt.Errorf("%w: nextCursor is empty", ErrIncomplete)
	}
	if l.cursors[cursor] {
		return "", fmt.Errorf("%w: cursor %.40q was sent twice", ErrRepeated, cursor)
	}
	l.cursors[cursor] = true
	if l.empty++; n > 0 {
		l.empty = 0
	}
	if l.empty > maxEmptyPages {
		return "", fmt.Errorf("%w: %d consecutive empty pages", ErrIncomplete, l.empty)
	}
	return cursor, nil
}

// indexDone reports whether a listing by index is complete.
func (l *listing[T]) indexDone(p page, n int) (done bool, err error) {
	if p.TotalResults == nil {
		return false, fmt.Errorf("%w: neither nextCursor nor totalResults", ErrIncomplete)
	}
	if l.indexed && *p.TotalResults != l.total {
		return false, fmt.Errorf("%w: totalResults changed from %d to %d between pages",
			ErrIncomplete, l.total, *p.TotalResults)
	}
	l.indexed, l.total = true, *p.TotalResults
	switch {
	case len(l.ids) == l.total:
		return true, nil
	case len(l.ids) > l.total || n == 0:
		return false, fmt.Errorf(
			"%w: totalResults is %d, but %d objects were sent",
			ErrIncomplete,
			l.total,
			len(l.ids),
		)
	}
	return false, nil
}

// checkShort returns an error if a page of a server without cursors may be incomplete.
func (l *listing[T]) checkShort(p page, n int) error {
	limit := legacyPageSize
	if size := l.c.PageSize; size > 0 {
		limit = min(limit, size)
	}
	if n >= limit || p.TotalResults != nil && *p.TotalResults > n {
		return fmt.Errorf("%w (%d objects)", ErrNoCursor, n)
	}
	return nil
}
