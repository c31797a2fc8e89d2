// Package scrub removes secrets from text by value. A Scrubber knows the secrets that the process
// has read, and replaces each of them by "[secret]" in everything that leaves the process: output,
// logs, reports, pages, comments. It finds a secret in each encoding of the tables in encodings.go,
// and a secret that was cut off after at least 12 characters.
//
// The package knows no source of secrets and no destination of text.
package scrub

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unicode"
	"unsafe"
)

// Placeholder replaces a secret.
const Placeholder = "[secret]"

// The lengths, in bytes, that decide what counts as a secret. A shorter secret is part of ordinary
// words, whose replacement would damage the text.
const (
	minSecret    = 8  // with two kinds of characters
	minPlainWord = 16 // with letters only, or digits only
	minPrefix    = 12 // of a secret that was cut off
)

// recentTokens is the number of tokens that AddToken keeps under one name. A server may still
// repeat the token before the current one.
const recentTokens = 4

// Scrubber replaces registered secrets. The zero value has none. A nil Scrubber changes nothing.
// The methods may be called concurrently.
type Scrubber struct {
	mu     sync.Mutex
	added  map[string]bool
	tokens map[string][]string // by name, the newest last

	matcher atomic.Pointer[matcher] // of all secrets; nil: there are none
}

// Add registers a secret for the life of the process. Of a text of several lines, such as a private
// key, each line is a secret. Secrets of less than 8 bytes are ignored, and so are those of less
// than 16 bytes that consist of letters or of digits only.
func (s *Scrubber) Add(secret string) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	changed := false
	for _, part := range parts(secret) {
		if s.added[part] {
			continue
		}
		if s.added == nil {
			s.added = map[string]bool{}
		}
		s.added[part], changed = true, true
	}
	if changed {
		s.compile()
	}
}

// AddToken registers a token that is replaced regularly, such as an access token. It keeps the
// newest tokens of each name.
func (s *Scrubber) AddToken(name, token string) {
	if s == nil || token == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.tokens[name]
	if slices.Contains(list, token) {
		return
	}
	if s.tokens == nil {
		s.tokens = map[string][]string{}
	}
	list = append(slices.Clone(list), token)
	s.tokens[name] = list[max(0, len(list)-recentTokens):]
	s.compile()
}

// compile replaces the matcher. s.mu must be locked.
func (s *Scrubber) compile() {
	var all []string
	for secret := range s.added {
		all = append(all, secret)
	}
	for _, list := range s.tokens {
		for _, token := range list {
			all = append(all, parts(token)...)
		}
	}
	s.matcher.Store(newMatcher(all))
}

// parts returns the lines of a secret that are secret and long enough.
func parts(secret string) []string {
	var out []string
	for line := range strings.Lines(secret) {
		line = strings.TrimSpace(line)
		boundary := strings.HasPrefix(line, "-----") || strings.HasPrefix(line, "#") // of PEM; a comment
		if !boundary && longEnough(line) {
			out = append(out, line)
		}
	}
	return out
}

func longEnough(secret string) bool {
	letters := strings.ContainsFunc(secret, unicode.IsLetter)
	digits := strings.ContainsFunc(secret, unicode.IsDigit)
	others := strings.ContainsFunc(secret, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	mixed := letters && digits || letters && others || digits && others
	return len(secret) >= minPlainWord || len(secret) >= minSecret && mixed
}

// String returns the text without secrets.
func (s *Scrubber) String(text string) string {
	m := s.current()
	if m == nil || !m.found(bytesOf(text)) {
		return text
	}
	out, _ := m.replace(nil, []byte(text), true)
	return string(out)
}

// Bytes returns the text without secrets: the same slice if there are none.
func (s *Scrubber) Bytes(text []byte) []byte {
	m := s.current()
	if m == nil || !m.found(text) {
		return text
	}
	out, _ := m.replace(nil, text, true)
	return out
}

// Found reports whether the text contains a secret.
func (s *Scrubber) Found(text []byte) bool {
	m := s.current()
	return m != nil && m.found(text)
}

// FoundString reports whether the text contains a secret.
func (s *Scrubber) FoundString(text string) bool { return s.Found(bytesOf(text)) }

// bytesOf returns the bytes of a string without a copy. They must not be changed.
func bytesOf(text string) []byte { return unsafe.Slice(unsafe.StringData(text), len(text)) }

// Error returns an error with the same chain, whose text has no secrets. Format verbs print the
// text only.
func (s *Scrubber) Error(err error) error {
	if err == nil || s.current() == nil {
		return err
	}
	text := err.Error()
	if clean := s.String(text); clean != text {
		return &scrubbedError{clean, err}
	}
	return err
}

type scrubbedError struct {
	text  string
	cause error
}

func (e *scrubbedError) Error() string { return e.text }

// GoString prevents that %#v prints the cause.
func (e *scrubbedError) GoString() string { return e.text }

// Unwrap returns the error as it was. Its text is not for output.
func (e *scrubbedError) Unwrap() error { return e.cause }

func (s *Scrubber) current() *matcher {
	if s == nil {
		return nil
	}
	return s.matcher.Load()
}
