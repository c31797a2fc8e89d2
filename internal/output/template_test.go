package output

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"
)

func TestEachValueOfATemplateIsText(t *testing.T) {
	const hostile = "a\n<b>\u202e\x1b[2J"
	const shown = `a\n&lt;b&gt;\u202e\x1b[2J`
	data := map[string]any{"S": hostile, "E": errors.New(hostile), "N": name{hostile}, "L": []string{hostile, hostile},
		"I": 3, "Nil": nil}
	for _, test := range []struct{ name, text, want string }{
		{"a value", "<p>{{.S}}", "<p>" + shown},
		{"an error", "<p>{{.E}}", "<p>" + shown},
		{"a value with a method", "<p>{{.N}}", "<p>" + shown},
		{"a value in a condition", "{{if .I}}{{.S}}{{else}}x{{end}}", shown},
		{"a value in an alternative", "{{if .Nil}}x{{else}}{{.S}}{{end}}", shown},
		{"values of a list", "{{range .L}}{{.}};{{end}}", shown + ";" + shown + ";"},
		{"a value with a name", "{{with .S}}{{.}}{{end}}{{$x := .S}}{{$x}}", shown + shown},
		{"a value of a function", `{{printf "%.3s" .S}}`, `a\n&lt;`},
		{"a value of a page's function", `{{own "x"}}`, `x\n`},
		{"a value in another template", `{{define "x"}}{{.}}{{end}}{{template "x" .S}}`, shown},
		{"a value in a template of another file", `{{template "y" .S}}`, shown},
		{"an attribute", `<i title="{{.S}}">`, `<i title="` + shown + `">`},
		{"an address", `<a href="/x?key={{.S}}">`, `<a href="/x?key=a%5cn%3cb%3e%5cu202e%5cx1b%5b2J">`},
		{"a number", "{{.I}}", "3"},
		{"several lines", "{{range lines .S}}{{.}};{{end}}", `a;&lt;b&gt;\u202e\x1b[2J;`},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out strings.Builder
			own := func(s string) string { return s + "\n" }
			frame := `{{define "y"}}{{.}}{{end}}`
			files := fstest.MapFS{"page": {Data: []byte(test.text)}, "frame": {Data: []byte(frame)}}
			page := Template(map[string]any{"own": own}, files, "page", "frame")
			if err := page.Execute(&out, data); err != nil {
				t.Fatal(err)
			}
			if out.String() != test.want {
				t.Errorf("have %q\nwant %q", out.String(), test.want)
			}
		})
	}
}
