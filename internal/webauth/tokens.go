package webauth

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/seed-d64a251c/roster/internal/atomicfile"
	"github.com/seed-d64a251c/roster/internal/civil"
	"github.com/seed-d64a251c/roster/internal/textfile"
)

// tokenPrefix begins every API token, so that scanners for secrets recognize it.
const tokenPrefix = "roster_"

// TokenFile is a file with the digests of API tokens. A line has a name, a role, the SHA-256 of the
// token, and optionally the last day of the token:
//
//	prometheus read sha256:2c26b46b68ff...
//	pipeline act sha256:fcde2b2edba5... until=2027-01-31
//
// Empty lines and lines that begin with # are comments. A changed file is read again at the next
// request. While the file is missing or invalid, every token is rejected.
type TokenFile struct {
	// Register, if set, is called with each token that is accepted.
	Register func(token string)

	path string
	log  *slog.Logger
	now  func() time.Time

	mu     sync.Mutex
	loaded fs.FileInfo // of the file that was read last; nil if there was none
	tokens []apiToken
}

// apiToken is a line of a TokenFile.
type apiToken struct {
	name   string
	role   Role
	digest [sha256.Size]byte
	until  time.Time // the start of the day after the last one, in UTC; zero: no end
}

// OpenTokenFile reads a file of API tokens. now is the clock; nil means time.Now.
func OpenTokenFile(path string, log *slog.Logger, now func() time.Time) (*TokenFile, error) {
	if now == nil {
		now = time.Now
	}
	f := &TokenFile{path: path, log: log, now: now}
	if err := f.load(); err != nil {
		return nil, err
	}
	return f, nil
}

// load reads the file.
func (f *TokenFile) load() error {
	f.tokens = nil
	var err error
	if f.loaded, err = os.Stat(f.path); err != nil {
		f.loaded = nil
		return fmt.Errorf("read API tokens: %w; make the first one with roster token new", err)
	}
	if mode := f.loaded.Mode().Perm(); mode&0o022 != 0 && os.PathSeparator == '/' {
		return fmt.Errorf("read API tokens: %s has the mode %o, so other users could add tokens: run chmod go-w",
			f.path, mode)
	}
	data, err := textfile.Read(f.path)
	if err != nil {
		return fmt.Errorf("read API tokens: %w", err)
	}
	tokens, err := parseTokens(data)
	if err != nil {
		return fmt.Errorf("read API tokens: %s:%w", f.path, err)
	}
	f.tokens = tokens
	return nil
}

// reload reads the file again if it has changed.
func (f *TokenFile) reload() {
	info, err := os.Stat(f.path)
	if err == nil && f.loaded != nil && os.SameFile(info, f.loaded) && info.ModTime().Equal(f.loaded.ModTime()) &&
		info.Size() == f.loaded.Size() && info.Mode() == f.loaded.Mode() {
		return
	}
	if err != nil && f.loaded == nil {
		return // it is still missing
	}
	if err := f.load(); err != nil {
		f.log.Error("all API tokens are rejected until the file is valid again", "error", err)
		return
	}
	f.log.Info("API tokens read again", "file", f.path, "tokens", len(f.tokens))
}

// Authenticate returns the caller that a token belongs to. It compares every digest, so that its
// duration does not reveal which token almost matched.
func (f *TokenFile) Authenticate(token string) (caller Caller, ok bool) {
	have := sha256.Sum256([]byte(token))
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reload()
	for _, t := range f.tokens {
		if subtle.ConstantTimeCompare(have[:], t.digest[:]) == 1 && (t.until.IsZero() || f.now().Before(t.until)) {
			caller, ok = Caller{Name: t.name, Role: t.role}, true
		}
	}
	if ok && f.Register != nil {
		f.Register(token)
	}
	return caller, ok
}

var (
	tokenName   = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)
	tokenDigest = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
)

// parseTokens parses a TokenFile. An error begins with the number of the line.
func parseTokens(data []byte) ([]apiToken, error) {
	var tokens []apiToken
	names := map[string]bool{}
	for i, line := range bytes.Split(data, []byte("\n")) {
		text := strings.TrimSpace(string(line))
		if text == "" || text[0] == '#' {
			continue
		}
		t, err := parseToken(strings.Fields(text))
		if err == nil && names[t.name] {
			err = fmt.Errorf("the name %s is there twice", t.name)
		}
		if err != nil {
			return nil, fmt.Errorf("%d: %w", i+1, err)
		}
		names[t.name] = true
		tokens = append(tokens, t)
	}
	return tokens, nil
}

func parseToken(fields []string) (apiToken, error) {
	if len(fields) < 3 || len(fields) > 4 {
		return apiToken{}, errors.New("want a name, a role, the digest of the token, and optionally until=DATE")
	}
	t := apiToken{name: fields[0], role: roleNames[fields[1]]}
	switch {
	case !tokenName.MatchString(t.name):
		return apiToken{}, fmt.Errorf("invalid name %q: use letters, digits, \".\", \"_\" and \"-\"", t.name)
	case t.role == RoleNone:
		return apiToken{}, fmt.Errorf("invalid role %q: use read or act", fields[1])
	case strings.HasPrefix(fields[2], tokenPrefix):
		return apiToken{}, errors.New("the line has a token instead of its digest: make a new token, because this " +
			"one is now known to everyone who can read the file")
	case !tokenDigest.MatchString(fields[2]):
		return apiToken{}, errors.New("invalid digest: want sha256: and 64 hexadecimal digits")
	}
	digest, err := hex.DecodeString(strings.TrimPrefix(fields[2], "sha256:"))
	if err != nil {
		return apiToken{}, err
	}
	t.digest = [sha256.Size]byte(digest)
	if len(fields) == 4 {
		if t.until, err = parseUntil(fields[3]); err != nil {
			return apiToken{}, err
		}
	}
	return t, nil
}

// parseUntil parses the last day of a token.
func parseUntil(field string) (time.Time, error) {
	text, found := strings.CutPrefix(field, "until=")
	day, err := civil.ParseDate(text)
	if err != nil || !found {
		return time.Time{}, fmt.Errorf("invalid end %q: want until=DATE, such as until=2027-01-31", field)
	}
	return day.End(time.UTC), nil
}

// NewToken makes an API token and adds its digest to a file, which it creates if it is missing.
// until is the last day; "" means no end. The token itself is only in the result.
func NewToken(path, name, role, until string) (token string, err error) {
	token = tokenPrefix + strings.ToLower(rand.Text())
	sum := sha256.Sum256([]byte(token))
	line := name + " " + role + " sha256:" + hex.EncodeToString(sum[:])
	if until != "" {
		line += " until=" + until
	}
	if _, err := parseToken(strings.Fields(line)); err != nil {
		return "", err
	}
	old, err := textfile.Read(path)
	missing := errors.Is(err, fs.ErrNotExist)
	if err != nil && !missing {
		return "", fmt.Errorf("read API tokens: %w", err)
	}
	if len(old) > 0 && !bytes.HasSuffix(old, []byte("\n")) {
		old = append(old, '\n')
	}
	content := append(old, line+"\n"...)
	if _, err := parseTokens(content); err != nil {
		return "", fmt.Errorf("add an API token: %s:%w", path, err)
	}
	mode := fs.FileMode(0o600)
	if info, err := os.Stat(path); err == nil { // the group of the daemon may have to read it
		mode = info.Mode().Perm()
	}
	if err := atomicfile.WriteBytes(path, mode, content); err != nil {
		return "", fmt.Errorf("add an API token: %w", err)
	}
	return token, nil
}
