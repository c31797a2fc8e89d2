package webauth

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func digestOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// tokenFile is a file with tokens, and a clock that tests move.
type tokenFile struct {
	*TokenFile
	path string
	now  time.Time
	log  bytes.Buffer
}

func newTokenFile(t *testing.T, content string) *tokenFile {
	t.Helper()
	f := &tokenFile{path: filepath.Join(t.TempDir(), "tokens"), now: noon}
	f.write(t, content)
	var err error
	f.TokenFile, err = OpenTokenFile(f.path, slog.New(slog.NewTextHandler(&f.log, nil)),
		func() time.Time { return f.now })
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// write replaces the file as an editor does, with a new file under the same name.
func (f *tokenFile) write(t *testing.T, content string) {
	t.Helper()
	if err := os.WriteFile(f.path+".new", []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(f.path+".new", f.path); err != nil {
		t.Fatal(err)
	}
}

func TestTokensAuthenticate(t *testing.T) {
	f := newTokenFile(t, "# tokens of the monitoring\n\nprometheus read "+digestOf("one")+"\n"+
		"pipeline act "+digestOf("two")+" until=2026-11-23\r\nold read "+digestOf("three")+" until=2026-11-22\n")
	for _, test := range []struct {
		name, token string
		want        Caller
		ok          bool
	}{
		{"the role read", "one", Caller{Name: "prometheus", Role: RoleRead}, true},
		{"the role act, on its last day", "two", Caller{Name: "pipeline", Role: RoleAct}, true},
		{"a token that has ended", "three", Caller{}, false},
		{"an unknown token", "four", Caller{}, false},
		{"no token", "", Caller{}, false},
		{"the digest of a token", digestOf("one"), Caller{}, false},
		{"the name of a token", "prometheus", Caller{}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if caller, ok := f.Authenticate(test.token); ok != test.ok || caller != test.want {
				t.Errorf("got %+v, %v; want %+v, %v", caller, ok, test.want, test.ok)
			}
		})
	}
	f.now = noon.Add(12 * time.Hour)
	if _, ok := f.Authenticate("two"); ok {
		t.Error("the token is valid on the day after its last one")
	}
}

func TestAChangedFileOfTokensIsReadAgain(t *testing.T) {
	f := newTokenFile(t, "a read "+digestOf("one")+"\n")
	accepts := func(token string, want bool) {
		t.Helper()
		if _, ok := f.Authenticate(token); ok != want {
			t.Errorf("%q is accepted: %v; want %v", token, ok, want)
		}
	}
	accepts("one", true)
	f.write(t, "a read "+digestOf("two")+"\n")
	accepts("one", false)
	accepts("two", true)
	f.write(t, "a read "+digestOf("two")+"\nnonsense\n")
	accepts("two", false) // an invalid file must not keep a token that was removed from it
	accepts("two", false)
	if n := strings.Count(f.log.String(), "level=ERROR"); n != 1 {
		t.Errorf("%d errors in the log:\n%s", n, &f.log)
	}
	f.write(t, "a read "+digestOf("two")+"\n")
	accepts("two", true)
	if err := os.Remove(f.path); err != nil {
		t.Fatal(err)
	}
	accepts("two", false)
	f.write(t, "a read "+digestOf("one")+"\n")
	accepts("one", true)
	if err := os.Chmod(f.path, 0o622); err != nil {
		t.Fatal(err)
	}
	accepts("one", false)
}

func TestInvalidFilesOfTokens(t *testing.T) {
	valid := digestOf("one")
	for _, test := range []struct{ name, content, want string }{
		{"no digest", "a read\n", "1: want a name"},
		{"too many fields", "a read " + valid + " until=2027-01-01 x\n", "1: want a name"},
		{"an unknown role", "a admin " + valid, `1: invalid role "admin"`},
		{"no role", "a none " + valid, `1: invalid role "none"`},
		{"an invalid name", "# x\na/b read " + valid, `2: invalid name "a/b"`},
		{"a name twice", "a read " + valid + "\na act " + digestOf("two"), "2: the name a is there twice"},
		{"a short digest", "a read sha256:abcd", "1: invalid digest"},
		{"another digest", "a read " + strings.Replace(valid, "sha256", "sha512", 1), "1: invalid digest"},
		{"an invalid date", "a read " + valid + " until=tomorrow", `1: invalid end "until=tomorrow"`},
		{"a date without its name", "a read " + valid + " 2027-01-01", "1: invalid end"},
		{"a token instead of its digest", "a read roster_canary", "1: the line has a token instead of its digest"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "tokens")
			if err := os.WriteFile(path, []byte(test.content), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := OpenTokenFile(path, nil, nil)
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "canary") {
				t.Errorf("the error is %v; want %q", err, test.want)
			}
		})
	}
	if _, err := OpenTokenFile(filepath.Join(t.TempDir(), "missing"), nil, nil); err == nil ||
		!strings.Contains(err.Error(), "roster token new") {
		t.Errorf("a missing file: %v", err)
	}
}

func TestAFileOfTokensThatOtherUsersMayWriteIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(path, []byte("a read "+digestOf("one")), 0o600); err != nil {
		t.Fatal(err)
	}
	for mode, want := range map[os.FileMode]bool{0o600: true, 0o640: true, 0o660: false, 0o606: false} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenTokenFile(path, nil, nil); (err == nil) != want {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
}

func TestNewToken(t *testing.T) {
	f := newTokenFile(t, "# without a newline at the end")
	token, err := NewToken(f.path, "pipeline", "act", "2026-12-31")
	if err != nil || !strings.HasPrefix(token, "roster_") || len(token) < 30 {
		t.Fatalf("%d bytes of token, %v", len(token), err)
	}
	if caller, ok := f.Authenticate(token); !ok || caller != (Caller{Name: "pipeline", Role: RoleAct}) {
		t.Errorf("the token authenticates %+v, %v", caller, ok)
	}
	content, err := os.ReadFile(f.path)
	if err != nil || strings.Contains(string(content), token) || !strings.HasPrefix(string(content), "# without") {
		t.Errorf("the file has %q, %v", content, err)
	}
	second, err := NewToken(f.path, "other", "read", "")
	if err != nil || second == token {
		t.Errorf("the second token: %v", err)
	}
	for _, args := range [][3]string{{"pipeline", "read", ""}, {"x", "root", ""}, {"a b", "read", ""},
		{"x", "read", "soon"}, {"x\ny", "read", ""}} {
		if token, err := NewToken(f.path, args[0], args[1], args[2]); err == nil || token != "" {
			t.Errorf("%q: accepted", args)
		}
	}
	if err := os.Chmod(f.path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := NewToken(f.path, "third", "read", ""); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(f.path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the mode of the file became %v, %v", info.Mode(), err)
	}
	fresh := filepath.Join(t.TempDir(), "tokens")
	if _, err := NewToken(fresh, "first", "read", ""); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(fresh); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the mode of a new file is %v, %v", info.Mode(), err)
	}
}
