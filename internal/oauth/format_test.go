package oauth

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/seed-d64a251c/roster/internal/formattest"
)

func TestTheFormatIsThatOfItsGoldenFile(t *testing.T) {
	formattest.Check(t, "oauth-tokens-v1.json", &tokens{})
}

func TestTokensOfANewerFormatAreRefused(t *testing.T) {
	store := &Store{Dir: t.TempDir()}
	key, err := store.key(true)
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	w, err := age.Encrypt(&file, key.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(`{"version": 2, "accessToken": "secret"}`)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(store.file("aws"), file.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := store.load("aws")
	if err == nil || !strings.Contains(err.Error(), "the format version is 2") || got.AccessToken != "" {
		t.Errorf("load returned %+v, %v; want an error", got, err)
	}
}
