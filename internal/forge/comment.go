package forge

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"sync"
)

// Marker is the first line of roster's comment. Forges do not display it.
const Marker = "<!-- roster:preview -->"

// contentMark begins the last line of a comment that names its content. Forges do not display it.
const contentMark = "<!-- roster:content "

// WithContent returns a comment that names the digest of its content. Comment does not edit a
// comment of the same content, whatever the rest of its text is.
func WithContent(body, content string) string {
	return fmt.Sprintf("%s\n%s%x -->\n", strings.TrimRight(body, "\n"), contentMark, sha256.Sum256([]byte(content)))
}

// sameComment reports whether two comments have the same content, or the same text if one of them
// does not name its content.
func sameComment(a, b string) bool {
	a, b = strings.TrimSpace(a), strings.TrimSpace(b)
	i, j := strings.LastIndex(a, contentMark), strings.LastIndex(b, contentMark)
	if i < 0 || j < 0 || strings.Contains(a[i:], "\n") || strings.Contains(b[j:], "\n") {
		return a == b
	}
	return a[i:] == b[j:]
}

// commentAPI is what a forge's API offers for the comments of a pull request.
type commentAPI interface {
	// currentUser returns the login of the credentials.
	currentUser(ctx context.Context) (string, error)
	// listComments returns a page of comments, oldest first, and the number of the next page. The
	// next page is 0 after the last one.
	listComments(ctx context.Context, number, page int) (comments []comment, next int, err error)
	createComment(ctx context.Context, number int, body string) (id int64, err error)
	// editComment returns false if the comment no longer exists.
	editComment(ctx context.Context, number int, id int64, body string) (bool, error)
}

// comment is a comment on a pull request.
type comment struct {
	id           int64
	author, body string
}

// commentCache holds roster's comment of each pull request, by number.
type commentCache struct {
	mu       sync.Mutex
	comments map[int]comment
}

// upsert edits roster's comment, or creates it if create is set. A comment of another author is
// never edited, even if it begins with the marker.
func (c *commentCache) upsert(ctx context.Context, api commentAPI, number int, body string, create bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.comments == nil {
		c.comments = map[int]comment{}
	}
	body = Marker + "\n" + body
	own, ok := c.comments[number]
	if !ok {
		var err error
		if own, ok, err = findOwn(ctx, api, number); err != nil {
			return fmt.Errorf("find roster's comment on #%d: %w", number, err)
		}
	}
	if ok && sameComment(own.body, body) {
		c.comments[number] = own
		return nil
	}
	if ok {
		exists, err := api.editComment(ctx, number, own.id, body)
		if err != nil {
			return fmt.Errorf("edit the comment on #%d: %w", number, err)
		}
		if exists {
			c.comments[number] = comment{id: own.id, body: body}
			return nil
		}
		delete(c.comments, number) // deleted at the forge
	}
	if !create {
		return nil
	}
	id, err := api.createComment(ctx, number, body)
	if err != nil {
		return fmt.Errorf("comment on #%d: %w", number, err)
	}
	c.comments[number] = comment{id: id, body: body}
	return nil
}

// findOwn searches all comments of a pull request for roster's own.
func findOwn(ctx context.Context, api commentAPI, number int) (comment, bool, error) {
	self, err := api.currentUser(ctx)
	if err != nil {
		return comment{}, false, fmt.Errorf("get the current user: %w", err)
	}
	for page := 1; page != 0; {
		comments, next, err := api.listComments(ctx, number, page)
		if err != nil {
			return comment{}, false, err
		}
		for _, c := range comments {
			if c.author == self && strings.HasPrefix(c.body, Marker) {
				return c, true, nil
			}
		}
		if page, err = nextPage(page, next); err != nil {
			return comment{}, false, err
		}
	}
	return comment{}, false, nil
}

// loginCache fetches the login of the credentials once.
type loginCache struct {
	mu   sync.Mutex
	name string
}

func (l *loginCache) get(fetch func() (string, error)) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.name != "" {
		return l.name, nil
	}
	name, err := fetch()
	if err == nil && name == "" {
		err = errors.New("the forge returned an empty login")
	}
	if err == nil {
		l.name = name
	}
	return name, err
}
