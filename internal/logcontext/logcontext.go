// Package logcontext lets the lines of a log say what they belong to: a context has attributes,
// such as the id of a run, and a handler adds them to each line that is logged with it. It does not
// know which attributes there are.
package logcontext

import (
	"context"
	"log/slog"
	"slices"
)

type contextKey struct{}

// With returns a context whose lines have further attributes. An attribute replaces one of the same
// key.
func With(ctx context.Context, attrs ...slog.Attr) context.Context {
	all := slices.Clone(attributes(ctx))
	for _, a := range attrs {
		all = slices.DeleteFunc(all, func(b slog.Attr) bool { return b.Key == a.Key })
		all = append(all, a)
	}
	return context.WithValue(ctx, contextKey{}, all)
}

func attributes(ctx context.Context) []slog.Attr {
	attrs, _ := ctx.Value(contextKey{}).([]slog.Attr)
	return attrs
}

// NewHandler returns a handler that adds the attributes of the context to each record. An attribute
// of the record or of its logger comes before one of the context with the same key.
func NewHandler(h slog.Handler) slog.Handler { return handler{Handler: h} }

type handler struct {
	slog.Handler
	keys []string // of the attributes of the logger
}

func (h handler) Handle(ctx context.Context, r slog.Record) error {
	attrs := attributes(ctx)
	if len(attrs) == 0 {
		return h.Handler.Handle(ctx, r)
	}
	keys := slices.Clone(h.keys)
	r.Attrs(func(a slog.Attr) bool {
		keys = append(keys, a.Key)
		return true
	})
	r = r.Clone()
	for _, a := range attrs {
		if !slices.Contains(keys, a.Key) {
			r.AddAttrs(a)
		}
	}
	return h.Handler.Handle(ctx, r)
}

func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	keys := slices.Clone(h.keys)
	for _, a := range attrs {
		keys = append(keys, a.Key)
	}
	return handler{h.Handler.WithAttrs(attrs), keys}
}

func (h handler) WithGroup(name string) slog.Handler {
	return handler{h.Handler.WithGroup(name), h.keys}
}
