package logcontext

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
)

func TestLinesHaveTheAttributesOfTheirContext(t *testing.T) {
	run := With(context.Background(), slog.String("run", "r1"), slog.String("operation", "o1"))
	for _, test := range []struct {
		name string
		log  func(l *slog.Logger)
		want string
	}{
		{"a context without attributes", func(l *slog.Logger) { l.InfoContext(context.Background(), "m", "a", 1) },
			"msg=m a=1"},
		{"a context with attributes", func(l *slog.Logger) { l.InfoContext(run, "m", "a", 1) },
			"msg=m a=1 run=r1 operation=o1"},
		{"the line has the attribute itself", func(l *slog.Logger) { l.InfoContext(run, "m", "run", "r0") },
			"msg=m run=r0 operation=o1"},
		{"the logger has the attribute", func(l *slog.Logger) { l.With("run", "r0").InfoContext(run, "m") },
			"run=r0 msg=m operation=o1"},
		{"an attribute is replaced", func(l *slog.Logger) {
			l.InfoContext(With(run, slog.String("run", "r2")), "m")
		}, "msg=m operation=o1 run=r2"},
		{"the first context is as before", func(l *slog.Logger) { l.InfoContext(run, "m") },
			"msg=m run=r1 operation=o1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var b bytes.Buffer
			text := slog.NewTextHandler(&b, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
				if a.Key == slog.TimeKey || a.Key == slog.LevelKey {
					return slog.Attr{}
				}
				return a
			}})
			test.log(slog.New(NewHandler(text)))
			got, want := strings.Fields(b.String()), strings.Fields(test.want)
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("the line is %q, want %q", b.String(), test.want)
			}
		})
	}
}
