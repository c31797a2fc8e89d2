package gitrepo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheTokenIsReadForEachConnection(t *testing.T) {
	dir := newServer(t)
	server := httpsServer(t)
	auth, current := server.auth, "expired-token"
	auth.Token = func(context.Context) (string, error) { return current, nil }
	r := newMirror(t, server.url(dir), auth)
	var refused *AuthError
	if err := r.Fetch(t.Context()); !errors.As(err, &refused) {
		t.Fatalf("with the old token: %v", err)
	}
	current = testToken
	if err := r.Fetch(t.Context()); err != nil {
		t.Errorf("with the new one: %v", err)
	}
}

func TestCredentialsInTheURLAreUsedButNotStored(t *testing.T) {
	dir := newServer(t)
	server := httpsServer(t)
	url := strings.Replace(server.url(dir), "https://", "https://x-access-token:"+testToken+"@", 1)
	r := fetched(t, url, Auth{CAFile: server.auth.CAFile})
	if strings.Contains(r.URL(), testToken) {
		t.Errorf("URL shows %s", r.URL())
	}
	must(0, filepath.WalkDir(r.GitDir(), func(p string, d fs.DirEntry, err error) error {
		if data, rerr := os.ReadFile(p); rerr == nil && strings.Contains(string(data), testToken) {
			t.Errorf("%s holds the token", p)
		}
		return err
	}))
	for _, bad := range []string{
		"https://u:s3cr%zz@h/x", "https://u:" + testToken + "@/x", "ftp://u:" + testToken + "@h/x",
		"http://u:" + testToken + "@example.com/x", "https://u:" + testToken + "@h",
	} {
		_, err := Mirror(t.TempDir(), bad, Auth{})
		if err == nil {
			t.Errorf("%s is accepted", bad)
		}
		noSecret(t, err, testToken, "s3cr")
	}
}

func TestAuthHidesItsSecrets(t *testing.T) {
	a := Auth{Username: "u", Password: "s3cret-1", SSHPassphrase: "s3cret-2", Token: token("s3cret-3")}
	j := must(json.Marshal(struct{ A Auth }{a}))
	for _, text := range []string{
		a.String(), fmt.Sprint(a), fmt.Sprintf("%+v %#v %q %x %s", a, a, a, a, &a),
		fmt.Sprintf("%v", struct{ X *Auth }{&a}.X), string(j), slog.AnyValue(a).Resolve().String(),
	} {
		if strings.Contains(text, "s3cret") || strings.Contains(text, fmt.Sprintf("%x", "s3cret")) {
			t.Errorf("shows %s", text)
		}
	}
}
