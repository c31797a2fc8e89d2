package output

import (
	"bytes"
	"html"
	"math/rand/v2"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	htmlrender "github.com/yuin/goldmark/renderer/html"
)

// renderer renders CommonMark with GitHub's extensions and all others that a forge may use. It lets
// raw HTML pass, so that a test sees it.
var renderer = goldmark.New(goldmark.WithExtensions(extension.GFM, extension.Footnote, extension.DefinitionList),
	goldmark.WithRendererOptions(htmlrender.WithUnsafe()))

func render(t *testing.T, markdown string) string {
	t.Helper()
	var out bytes.Buffer
	if err := renderer.Convert([]byte(markdown), &out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// places are where roster writes values.
var places = []string{
	"%s\n", "**roster: %s**\n", "**%s**\n", "### %s\n\nnext\n", "> %s\n", "> **Stale**: %s\n\nnext\n", "- %s\n- next\n",
	"- `+` %s <sub>%s</sub>\n", "| | |\n|---|---|\n| name | %s |\n| %s | x |\n",
	"first\n%s\nlast\n", "a %s b\n", "(%s)\n",
}

// forgeSyntax is what forges replace in rendered text outside of code, by their documentation:
// GitHub (autolinked references), GitLab (GitLab Flavored Markdown, quick actions), Gitea (modules/
// markup, modules/references).
var forgeSyntax = map[string]*regexp.Regexp{
	"mention":          regexp.MustCompile(`@[\w-]`),
	"issue":            regexp.MustCompile(`#\w`),
	"GH-1":             regexp.MustCompile(`(?i)\bGH-\d`),
	"merge request":    regexp.MustCompile(`!\d`),
	"epic":             regexp.MustCompile(`&\d`),
	"label":            regexp.MustCompile(`~["\w]`),
	"milestone":        regexp.MustCompile(`%["\w]`),
	"snippet":          regexp.MustCompile(`\$\w`),
	"external issue":   regexp.MustCompile(`\b[A-Z][A-Z0-9_]+-\d`),
	"commit":           regexp.MustCompile(`\b[0-9a-f]{7,64}\b`),
	"address":          regexp.MustCompile(`\w@\w`),
	"link":             regexp.MustCompile(`(?i)\w://|\bwww\.\w`),
	"shortcode":        regexp.MustCompile(`:(100|1234|[\w+-]*[A-Za-z_+-][\w+-]*):`),
	"wiki page":        regexp.MustCompile(`\[\[`),
	"quick action":     regexp.MustCompile(`(?m)^/\w`),
	"inline operation": regexp.MustCompile(`[{\[][+-]`),
	"mathematics":      regexp.MustCompile(`\$`),
}

var (
	codeElement = regexp.MustCompile(`(?s)<code>.*?</code>`)
	codeTag     = regexp.MustCompile(`</?code>`)
	anyTag      = regexp.MustCompile(`<[^>]*>`)
)

// word is a harmless value.
const word = "harmlessword"

// skeletons are the HTML of each place with the harmless value.
var skeletons = sync.OnceValue(func() []string {
	var list []string
	for _, place := range places {
		var out bytes.Buffer
		_ = renderer.Convert([]byte(strings.ReplaceAll(place, "%s", word)), &out) // to a buffer
		list = append(list, out.String())
	}
	return list
})

// tagsOf returns the tags of HTML without those of code.
func tagsOf(s string) string {
	return strings.Join(anyTag.FindAllString(codeTag.ReplaceAllString(s, ""), -1), "")
}

// checkPlaces checks that a value is nothing but its text in each place: the HTML is that of a
// harmless word with the text in place of the word, apart from code elements.
func checkPlaces(t *testing.T, value string, markdown MarkdownText) {
	t.Helper()
	if Line(value) == "" {
		return
	}
	for i, place := range places {
		have := render(t, strings.ReplaceAll(place, "%s", string(markdown)))
		skeleton := skeletons()[i]
		visible := html.UnescapeString(codeTag.ReplaceAllString(have, ""))
		want := strings.ReplaceAll(html.UnescapeString(codeTag.ReplaceAllString(skeleton, "")), word, Line(value))
		if tags := tagsOf(have); visible != want || tags != tagsOf(skeleton) {
			t.Errorf("%q in %q is\n%s\nwant the text\n%s", value, place, have, want)
		}
		text := html.UnescapeString(anyTag.ReplaceAllString(codeElement.ReplaceAllString(have, "<x>"), "\x00"))
		for kind, pattern := range forgeSyntax {
			if found := pattern.FindString(text); found != "" {
				t.Errorf("%q in %q: a forge sees a %s in %q: %s", value, place, kind, found, have)
			}
		}
	}
}

func FuzzMarkdown(f *testing.F) {
	for _, v := range hostileValues {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, value string) {
		checkPlaces(t, value, Markdown(value))
		if c := unsafe(string(Markdown(value)), ""); c != "" {
			t.Errorf("the Markdown of %q has %s", value, c)
		}
		if code := Code(value); strings.TrimSpace(Line(value)) != "" {
			want := "<p><code>" + html.EscapeString(Line(value)) + "</code></p>\n"
			if have := render(t, string(code)); html.UnescapeString(have) != html.UnescapeString(want) ||
				strings.Count(have, "<") != 4 {
				t.Errorf("the code of %q is %s", value, have)
			}
		}
	})
}

// Values next to each other must not become together what neither is alone.
func TestJoinedValuesAreText(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		var value string
		for range 2 + random.IntN(3) {
			value += hostileValues[random.IntN(len(hostileValues))] +
				[]string{"", "", " ", "(", "\"", "."}[random.IntN(6)]
		}
		checkPlaces(t, value, Markdown(value))
	}
}

// The tests above are only as good as their patterns. This one shows that they find each kind.
func TestUnescapedValuesAreFound(t *testing.T) {
	for _, value := range []string{"@team", "#12", "GH-12", "org/repo#1", "!12", "&12", "~bug", "%12", "$12", "PROJ-12",
		"deadbeef", "a@b.example", "www.x.example", "http://x", ":smile:", "[[x]]", "/close", "{+ x +}", "<b>x</b>",
		"[x](y)", "**x**", "- x", "1. x", "# x", "`x`", "a\n\nb", "~~x~~", "&amp;"} {
		t.Run(value, func(t *testing.T) {
			found := &testing.T{}
			checkPlaces(found, value, MarkdownText(value))
			if !found.Failed() {
				t.Errorf("%q as it is passes the check", value)
			}
		})
	}
}

func TestMarkdownIsReadable(t *testing.T) {
	for _, test := range []struct{ value, want string }{
		{"add Ann Lee (u-1) to Platform", "add Ann Lee (u-1) to Platform"},
		{"ann@example.com", "`ann@example.com`"},
		{`userName: "ann@example.com" -> "bob@example.com"`,
			"userName: \"`ann@example.com`\" -&gt; \"`bob@example.com`\""},
		{"at groups/a.cue:12:3, R & D, 2026-01-02T12:00:00Z; x",
			"at groups/a.cue:12:3, R & D, 2026-01-02T12:00:00Z; x"},
		{"commit 0123456", "commit `0123456`"},
		{"a_b * <c> [d] \\ `", "a\\_b \\* &lt;c&gt; \\[d\\] \\\\ \\`"},
		{"a|b", `a\|b`},
		{"- x", `\- x`},
		{"2. x", `2\. x`},
		{" x ", "&#32;x&#32;"},
		{"x\ny", `x\\ny`},
	} {
		if have := Markdown(test.value); string(have) != test.want {
			t.Errorf("Markdown(%q) = %s; want %s", test.value, have, test.want)
		}
	}
	if have := Markdownf("%s: %d, %q, %s", "@x", 3, "a*", Code("b c")); have != "`@x`: 3, \"a\\*\", `b c`" {
		t.Errorf("have %s", have)
	}
}

// TestInertWordsAreNotActive compares inert with the patterns that it makes unnecessary, for random
// words of the characters that the patterns name.
func TestInertWordsAreNotActive(t *testing.T) {
	pieces := append(
		strings.Fields("0 1 7 a b f g h H A W w s S x Z _ - . / : ; , ( ) ' @ # ! & % ~ * $ [ ] { } + > < ü ſ"),
		"\\", "`", `"`, "gh-", "GHSA-1", "www", "WWW.", "100", "0123456", "abcdef0", "deadbeef", "tel", "://", "AB_1-2")
	random, found := rand.New(rand.NewPCG(3, 4)), 0
	for range 300_000 {
		var word string
		for range 1 + random.IntN(6) {
			word += pieces[random.IntN(len(pieces))]
		}
		inner := strings.TrimRight(strings.TrimLeft(word, before), after)
		if inert(word) {
			found++
			if active.MatchString(word) || active.MatchString(inner) {
				t.Fatalf("%q is inert, but %q matches %q", word, active, inner)
			}
		}
	}
	if found < 1000 {
		t.Errorf("only %d words were inert", found)
	}
}

// TestTheWordsOfAReportAreInert shows that a report hardly needs the patterns, which are slow.
func TestTheWordsOfAReportAreInert(t *testing.T) {
	for _, word := range strings.Fields("create user Ann Lee (p-000123) in Platform, group-17; users/0001.jsonl,") {
		if !inert(word) {
			t.Errorf("%q is not inert", word)
		}
	}
}
