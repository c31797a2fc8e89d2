package render_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	extast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/render"
)

// gitHubLimit is the number of characters that a comment on GitHub has at most.
const gitHubLimit = 65_536

// ownTags are the HTML tags that roster writes.
var ownTags = []string{"sub", "details", "summary"}

var (
	headingLine = regexp.MustCompile(`(?m)^#{1,6} `)
	itemLine    = regexp.MustCompile(`(?m)^ *- `)
	tag         = regexp.MustCompile(`</?([a-z]+)>`)
)

// checkRendered parses a comment as GitHub does, and compares the result with what roster meant:
// its headings and list items, its own tags in pairs, and no links, images or other HTML.
func checkRendered(t *testing.T, name, comment string) {
	t.Helper()
	if n := utf8.RuneCountInString(comment); n > gitHubLimit {
		t.Errorf("%s: the comment has %d characters", name, n)
	}
	source := []byte(comment)
	doc := goldmark.New(goldmark.WithExtensions(extension.GFM)).Parser().Parse(text.NewReader(source))
	headings, items, open := 0, 0, []string{}
	tags := func(html string) {
		rest := tag.ReplaceAllStringFunc(html, func(found string) string {
			element := strings.Trim(found, "</>")
			switch closes := strings.HasPrefix(found, "</"); {
			case !slices.Contains(ownTags, element):
				t.Errorf("%s: the comment has the tag %s", name, found)
			case !closes:
				open = append(open, element)
			case len(open) == 0 || open[len(open)-1] != element:
				t.Errorf("%s: %s closes %q", name, found, open)
			default:
				open = open[:len(open)-1]
			}
			return ""
		})
		if strings.ContainsAny(rest, "<>") {
			t.Errorf("%s: the comment has HTML: %q", name, html)
		}
	}
	err := ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Heading:
			headings++
		case *ast.ListItem:
			items++
		case *ast.RawHTML:
			tags(string(n.Segments.Value(source)))
		case *ast.HTMLBlock:
			tags(string(n.Lines().Value(source)))
		case *ast.Link, *ast.Image, *ast.AutoLink, *extast.Table, *extast.Strikethrough, *ast.ThematicBreak:
			t.Errorf("%s: the comment has a %s", name, n.Kind())
		case *ast.Text:
			if strings.Contains(strings.ReplaceAll(string(n.Value(source)), "\\`", ""), "`") {
				t.Errorf("%s: a code span is not closed: %q", name, n.Value(source))
			}
		}
		return ast.WalkContinue, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := len(headingLine.FindAllString(comment, -1)); headings != want {
		t.Errorf("%s: %d of %d lines are headings", name, headings, want)
	}
	if want := len(itemLine.FindAllString(comment, -1)); items != want {
		t.Errorf("%s: %d of %d lines are items of lists", name, items, want)
	}
	if len(open) > 0 {
		t.Errorf("%s: %q are not closed", name, open)
	}
}

// Names are data: whatever they look like, a comment has no more structure than without them.
func TestNamesAreTextInComments(t *testing.T) {
	i := slices.IndexFunc(situations, func(s situation) bool { return s.name == "a person gains a protected group" })
	for _, name := range []string{
		"[Click](//evil.example.com)", "![x](//evil.example.com/x.png)", "www.evil.example.com", "`code", "a``b`",
		"**bold** _x_ ~~y~~", "@admins #12", "| a | b |", "# heading", "- item", "1. one", "&lt", "\\`", "***",
	} {
		hostile := strings.NewReplacer(`"Break Glass"`, `#"`+name+`"#`)
		base := loadSituation(t, hostile.Replace(situationBase))
		merged := loadSituation(t, hostile.Replace(situations[i].merged(t)))
		p, err := reconcile.NewPreview(reconcile.PreviewInput{
			Provisioner: reconcile.PreviewedProvisioners(base, merged)[0],
			Base:        base, Merged: merged, Now: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC),
		})
		if err != nil {
			t.Fatal(err)
		}
		comment := render.PreviewsMarkdown([]*reconcile.Preview{p}, nil)
		checkRendered(t, name, comment)
		if !strings.Contains(comment, "Finn Cox gains ") || strings.Contains(comment, "Break Glass") {
			t.Errorf("%s: the comment does not name the group:\n%s", name, comment)
		}
	}
}
