package yamlerror

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// internal are words of the library and of Go that no message may have.
var internal = regexp.MustCompile(`did not|found|token|unmarshal|^yaml: |!!|struct|\[\]|expected|stream|octet|` +
	`map\[|type `)

type target struct {
	Name  string        `yaml:"name"`
	Count int           `yaml:"count"`
	Every time.Duration `yaml:"every"`
	On    bool          `yaml:"on"`
	List  []string      `yaml:"list"`
	Part  *struct {
		Key string `yaml:"key"`
	} `yaml:"part"`
}

func decode(text string) error {
	d := yaml.NewDecoder(strings.NewReader(text))
	d.KnownFields(true)
	return d.Decode(&target{})
}

func TestExplain(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"a list without an end", "name: a\nlist: [a\n", "f.yaml:2: the list that begins with ["},
		{"a list without an end in a file of one line", "list: [a\n", "f.yaml:1: the list that begins with ["},
		{"a mapping without an end", "name: a\npart: {key: a\n", "f.yaml:2: the mapping that begins with {"},
		{"a value with a colon", "a: 1\nname: a: b\n", "f.yaml:2: a colon where no value may begin; align the keys"},
		{"a tab", "part:\n\tkey: a\n", "f.yaml:2: a tab, @, ` or % where"},
		{"a sign that begins no text", "count: 1\nname: @a\n", "f.yaml:2: a tab, @, ` or % where"},
		{"an escape", "count: 1\nname: \"\\q\"\n", "f.yaml:2: a backslash between double quotes"},
		{"a short escape", "count: 1\nname: \"\\u12\"\n", "f.yaml:2: want hexadecimal digits"},
		{"an open quote", "count: 1\nname: \"a\n", "the quote that begins the text is not closed; close it"},
		{"a missing colon", "count: 1\nname\n", "want a key, a colon and a value"},
		{"keys that are not aligned", "part:\n  key: a\n name: b\n",
			"f.yaml:3: want a key, indented as the keys above"},
		{"items that are not aligned", "list:\n- a\n b: c\n", "f.yaml:"},
		{"an unknown alias", "name: *other\n", "f.yaml: there is no anchor &other for *other; put the text"},
		{"text after a block sign", "count: 1\nname: |x\n", "f.yaml:2: text on the line of the sign | or >"},
		{"a tag", "count: 1\nname: !x!y z\n", "the sign ! begins a tag, which is not valid"},
		{"another value at the end", "[a]\nb: c\n", "f.yaml"},
		{"a setting that is unknown", "name: a\nnmae: b\n", `f.yaml:2: unknown setting "nmae"; correct its name`},
		{"a setting twice", "name: a\nname: b\n", `f.yaml:2: "name" is set twice, first on line 1; keep one`},
		{"a number as a list", "list: 5\n", "f.yaml:1: want a list, not a number"},
		{"a list as text", "name: [a]\n", "f.yaml:1: want text, not a list"},
		{"text as a number", "count: many\n", "f.yaml:1: want a whole number, not text"},
		{"text as a duration", "every: often\n", "f.yaml:1: want a duration such as 5m, not text"},
		{"text as a switch", "on: perhaps\n", "f.yaml:1: want true or false, not text"},
		{"text as a mapping", "part: sec`ret\n", "f.yaml:1: want a mapping, not text"},
		{"a list as the file", "- a\n", "f.yaml:1: want a mapping, not a list"},
		{"two mistakes", "count: x\nlist: y\n", "not text\nf.yaml:2: want a list, not text"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := decode(c.text)
			if err == nil {
				t.Fatal("the library accepts the text")
			}
			got := Explain("f.yaml", c.text, err).Error()
			if !strings.Contains(got, c.want) {
				t.Errorf("got  %s\nwant %s\nfrom %s", got, c.want, err)
			}
			if word := internal.FindString(got); word != "" {
				t.Errorf("%s has %q", got, word)
			}
			if strings.Contains(got, "ret") {
				t.Errorf("%s has the value, which may be a secret", got)
			}
		})
	}
}

func TestExplainWithoutAFile(t *testing.T) {
	got, want := Explain("", "list: 5", decode("list: 5")).Error(), "line 1: want a list, not a number"
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// FuzzExplain looks for texts whose message has words of the library, or for which there are none.
func FuzzExplain(f *testing.F) {
	for _, text := range []string{"a: [b", "a: {b", "\"a", "%YAML 3\n---\n", "? a\n: b", "- a\nb", "&", "!<a",
		"!0%", "%0!0", "a: |0\n",
		"\x01", "<<: 5", "a: !!binary x", "--- a\n--- b", "'a\n---\n'"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		err := decode(text)
		if err == nil || err.Error() == "EOF" {
			return
		}
		for _, p := range Problems(text, err) {
			quoted := regexp.MustCompile(`(?s)".*"|[&*].*`).ReplaceAllString(p.Message, "") // text of the file
			if word := internal.FindString(quoted); word != "" || p.Message == "the text is not valid YAML" {
				t.Errorf("%q: %q has %q; the library says %v", text, p.Message, word, err)
			}
		}
	})
}
