// Package scrubtest writes secrets in every encoding that roster must recognize, and searches text
// for them. It shares no code with package scrub. Only tests use it.
package scrubtest

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// Way is a way to write a secret.
type Way struct {
	Name  string
	Write func(secret string) string
}

// Ways are all ways to write a secret of at least 14 characters, each by an encoder of the standard
// library.
var Ways = []Way{
	{"plain", func(s string) string { return s }},
	{"the first 12 characters", func(s string) string { return s[:12] }},
	{"all but the last character", func(s string) string { return s[:len(s)-1] }},
	{"base64", func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }},
	{"base64 without padding", func(s string) string { return base64.RawStdEncoding.EncodeToString([]byte(s)) }},
	{"base64, URL alphabet", func(s string) string { return base64.URLEncoding.EncodeToString([]byte(s)) }},
	{"base64, URL alphabet, without padding",
		func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }},
	{"base64 after one byte",
		func(s string) string { return base64.StdEncoding.EncodeToString([]byte(":" + s + "x")) }},
	{"base64 after two bytes", func(s string) string { return base64.StdEncoding.EncodeToString([]byte("u:" + s)) }},
	{"base64 as HTTP Basic sends it",
		func(s string) string {
			return base64.StdEncoding.EncodeToString([]byte("roster:" + url.QueryEscape(s)))
		}},
	{"base64, percent-encoded",
		func(s string) string { return url.QueryEscape(base64.StdEncoding.EncodeToString([]byte(s))) }},
	{"base64 of 14 characters", func(s string) string { return base64.RawStdEncoding.EncodeToString([]byte(s[:14])) }},
	{"percent in a query", url.QueryEscape},
	{"percent in a path", url.PathEscape},
	{"percent, lower case", func(s string) string { return strings.ToLower(escapeAll(s, "%%%02x")) }},
	{"percent, each byte", func(s string) string { return escapeAll(s, "%%%02X") }},
	{"hex", func(s string) string { return hex.EncodeToString([]byte(s)) }},
	{"hex, upper case", func(s string) string { return strings.ToUpper(hex.EncodeToString([]byte(s))) }},
	{"hex of 12 characters", func(s string) string { return hex.EncodeToString([]byte(s[:12])) }},
	{"JSON", func(s string) string { b, _ := json.Marshal(s); return string(b) }},
	{"JSON without escapes for HTML", func(s string) string {
		var b strings.Builder
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		_ = e.Encode(s)
		return b.String()
	}},
	{"JSON with an escaped slash", func(s string) string {
		b, _ := json.Marshal(s)
		return strings.ReplaceAll(string(b), "/", `\/`)
	}},
	{"JSON, each character", func(s string) string {
		var b strings.Builder
		for _, r := range s {
			fmt.Fprintf(&b, `\u%04x`, r)
		}
		return b.String()
	}},
	{"a quoted string of Go", func(s string) string { return fmt.Sprintf("%q %+q", s, s) }},
	{"source code, each byte", func(s string) string { return escapeAll(s, `\x%02x`) }},
	{"HTML", html.EscapeString},
	{"HTML, each character in decimal", func(s string) string {
		var b strings.Builder
		for _, r := range s {
			fmt.Fprintf(&b, "&#%d;", r)
		}
		return b.String()
	}},
	{"HTML, each character in hexadecimal", func(s string) string {
		var b strings.Builder
		for _, r := range s {
			fmt.Fprintf(&b, "&#x%X;", r)
		}
		return b.String()
	}},
	{"JSON in JSON", func(s string) string {
		b, _ := json.Marshal(s)
		b, _ = json.Marshal(string(b))
		return strings.Trim(string(b), `\"`)
	}},
	{"percent, twice", func(s string) string { return url.QueryEscape(url.QueryEscape(s)) }},
	{"HTML, twice", func(s string) string { return html.EscapeString(html.EscapeString(s)) }},
	{"percent in HTML in JSON", func(s string) string {
		b, _ := json.Marshal(html.EscapeString(escapeAll(s, "%%%02x")))
		return strings.Trim(string(b), `"`)
	}},
	{"HTML in JSON", func(s string) string {
		b, _ := json.Marshal(html.EscapeString(s))
		return strings.Trim(string(b), `"`)
	}},
	{"HTML, slashes by name", func(s string) string { return strings.ReplaceAll(html.EscapeString(s), "/", "&sol;") }},
}

func escapeAll(s, format string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		fmt.Fprintf(&b, format, c)
	}
	return b.String()
}

// enough is how many consecutive characters of a written secret are a leak, at least.
const enough = 12

// Remains returns a part of a written secret that is in the text, or "".
func Remains(text, written string) string {
	for i := 0; i+enough <= len(written); i++ {
		if part := written[i : i+enough]; strings.Contains(text, part) {
			return part
		}
	}
	return ""
}

// Finder finds secrets in text.
type Finder struct {
	windows map[int]map[string]string // by length: what is a leak, with its description
}

// NewFinder returns a Finder of secrets, by name, in each of the ways. A part of a secret counts if
// it is as long as 12 characters are in that way.
func NewFinder(secrets map[string]string) *Finder {
	f := &Finder{windows: map[int]map[string]string{}}
	for name, secret := range secrets {
		for _, way := range Ways {
			written := strings.Trim(way.Write(secret), "\"\n")
			size := max(enough, len(strings.Trim(way.Write(secret[:14]), "\"\n=")))
			if f.windows[size] == nil {
				f.windows[size] = map[string]string{}
			}
			for i := 0; i+size <= len(written); i++ {
				f.windows[size][written[i:i+size]] = name + " as " + way.Name
			}
		}
	}
	return f
}

// Find describes the secrets that are in a text.
func (f *Finder) Find(text string) []string {
	found := map[string]bool{}
	for size, windows := range f.windows {
		for i := 0; i+size <= len(text); i++ {
			if leak, ok := windows[text[i:i+size]]; ok {
				found[leak+": "+text[i:i+size]] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}
