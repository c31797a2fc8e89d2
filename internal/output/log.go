package output

import (
	"context"
	"fmt"
	"log/slog"
)

// NewLogHandler returns a handler that passes records with escaped text to a handler that writes
// lines. The message, the names of attributes and all values that are not numbers or times are as
// Line shows them. A handler that writes JSON needs NewJSONWriter instead, which keeps the values.
func NewLogHandler(h slog.Handler) slog.Handler { return logHandler{h} }

type logHandler struct{ slog.Handler }

func (h logHandler) Handle(ctx context.Context, r slog.Record) error {
	escaped := slog.NewRecord(r.Time, r.Level, Line(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		escaped.AddAttrs(escapeAttr(a))
		return true
	})
	return h.Handler.Handle(ctx, escaped)
}

func (h logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return logHandler{h.Handler.WithAttrs(escapeAttrs(attrs))}
}

func (h logHandler) WithGroup(name string) slog.Handler {
	return logHandler{h.Handler.WithGroup(Line(name))}
}

func escapeAttrs(attrs []slog.Attr) []slog.Attr {
	out := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		out[i] = escapeAttr(a)
	}
	return out
}

func escapeAttr(a slog.Attr) slog.Attr {
	v := a.Value.Resolve()
	switch v.Kind() {
	case slog.KindString:
		v = slog.StringValue(Line(v.String()))
	case slog.KindGroup:
		v = slog.GroupValue(escapeAttrs(v.Group())...)
	case slog.KindAny:
		if err, ok := v.Any().(error); ok {
			v = slog.AnyValue(escapedError{Line(err.Error())})
		} else {
			v = slog.StringValue(Line(fmt.Sprintf("%+v", v.Any())))
		}
	}
	return slog.Attr{Key: Line(a.Key), Value: v}
}

// escapedError is the text of an error. It stays an error, which handlers show in another color.
type escapedError struct{ text string }

func (e escapedError) Error() string { return e.text }
