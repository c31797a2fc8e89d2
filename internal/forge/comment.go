package forge

import (
	"context"
	"fmt"
	"strings"
	"sync"
)

// Marker is the first line of our comment, which forges do not show.
const Marker = "<!-- roster:preview -->"

// board is where a forge keeps comments. gone is reported by errGone of the same forge.
type board interface {
	// self returns our own login.
	self(ctx context.Context) (string, error)
	// page returns a page of comments, the oldest first, and the number of the next, 0 after the last.
	page(ctx context.Context, number, page int) (notes []note, next int, err error)
	create(ctx context.Context, number int, body string) (id int64, err error)
	// edit reports false if the comment is no longer there.
	edit(ctx context.Context, number int, id int64, body string) (bool, error)
}

// note is a comment.
type note struct {
	id           int64
	author, body string
}

// placed remembers our comments by number.
type placed struct {
	mu  sync.Mutex
	ids map[int]note
}

// place writes or edits our one comment. What somebody else wrote is not ours, whatever it begins with.
func (p *placed) place(ctx context.Context, b board, number int, body string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ids == nil {
		p.ids = map[int]note{}
	}
	body = Marker + "\n" + body
	ours, ok := p.ids[number]
	if !ok {
		var err error
		if ours, ok, err = find(ctx, b, number); err != nil {
			return fmt.Errorf("look for the comment on #%d: %w", number, err)
		}
	}
	if ok && strings.TrimSpace(ours.body) == strings.TrimSpace(body) {
		p.ids[number] = ours
		return nil
	}
	if ok {
		there, err := b.edit(ctx, number, ours.id, body)
		if err != nil {
			return fmt.Errorf("edit the comment on #%d: %w", number, err)
		}
		if there {
			p.ids[number] = note{id: ours.id, body: body}
			return nil
		}
		delete(p.ids, number) // somebody deleted it
	}
	id, err := b.create(ctx, number, body)
	if err != nil {
		return fmt.Errorf("comment on #%d: %w", number, err)
	}
	p.ids[number] = note{id: id, body: body}
	return nil
}

func find(ctx context.Context, b board, number int) (note, bool, error) {
	self, err := b.self(ctx)
	if err != nil {
		return note{}, false, fmt.Errorf("ask who we are: %w", err)
	}
	for page := 1; page != 0; {
		notes, next, err := b.page(ctx, number, page)
		if err != nil {
			return note{}, false, err
		}
		for _, n := range notes {
			if n.author == self && strings.HasPrefix(n.body, Marker) {
				return n, true, nil
			}
		}
		page = next
	}
	return note{}, false, nil
}

// login asks once who we are.
type login struct {
	mu   sync.Mutex
	name string
}

func (l *login) get(ask func() (string, error)) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.name != "" {
		return l.name, nil
	}
	name, err := ask()
	if err == nil && name == "" {
		err = fmt.Errorf("the forge does not say")
	}
	if err == nil {
		l.name = name
	}
	return name, err
}
