package schema

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/seed-d64a251c/roster/schema/schematest"
)

// hashedFiles are files with hashes, as a commit has them.
type hashedFiles struct{ fstest.MapFS }

func (f hashedFiles) Hash(name string) (string, error) {
	h := sha256.New()
	err := fs.WalkDir(f.MapFS, name, func(at string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		h.Write(append([]byte(at+"\x00"), f.MapFS[at].Data...))
		return nil
	})
	return hex.EncodeToString(h.Sum(nil)), err
}

// dataOnly is a configuration whose users are in a data file.
func dataOnly(mapping string) fstest.MapFS {
	return fstest.MapFS{
		"roster.cue": {Data: []byte(`package roster
import "strings"
_unused: strings.ToUpper("")
apps: app: displayName: "AWS"
provisioners: aws: {
	app: "app", mapping: "m"
	endpoint: "http://127.0.0.1:1/00000000-0000-4000-8000-000000000001/scim/v2", auth: token: {env: "ROSTER_SECRET_AWS"}
}
mappings: m: {
	user: #User
	` + mapping + `
	scim: {
		` + schematest.SCIM + `
	}
}
`)},
		"users/all.yaml": {Data: []byte(userRecord("ann"))},
	}
}

func userRecord(key string) string {
	return strings.ReplaceAll("KEY: {userId: KEY, firstName: A, lastName: B, email: KEY@example.com}\n", "KEY", key)
}

// doubledText is a part of a mapping that doubles the user's name n times.
func doubledText(n int) string {
	out := "let a0 = user.userId\n"
	for i := range n {
		out += fmt.Sprintf("let a%d = \"\\(a%d)\\(a%d)\"\n", i+1, i, i)
	}
	return out + fmt.Sprintf("if user.userId != \"ann\" {scim: nickName: strings.TrimPrefix(a%d, a%d)}\n", n, n)
}

// verifier remembers what was verified and what was asked for.
type verifier struct{ verified map[string]bool }

func (v *verifier) load(t *testing.T, cache *Cache, files fstest.MapFS) error {
	t.Helper()
	_, err := Options{Cache: cache, Verified: func(digest string) bool { return v.verified[digest] }}.
		Load(context.Background(), hashedFiles{files})
	return err
}

// verify marks the inputs of an error as verified.
func (v *verifier) verify(t *testing.T, err error) {
	t.Helper()
	var unverified *UnverifiedError
	if !errors.As(err, &unverified) {
		t.Fatalf("got the error %v, want an UnverifiedError", err)
	}
	for _, digest := range unverified.Digests {
		v.verified[digest] = true
	}
}

func TestUnverifiedCodeIsNotEvaluated(t *testing.T) {
	for _, test := range []struct {
		name          string
		mapping, edit string // a part of the mapping, and the file that the second commit edits
		text          string
		refused       bool // the second commit
	}{
		{"new data needs no verification", "", "users/all.yaml", userRecord("bob"), false},
		{"other CUE code needs one", "", "roster.cue", "", true},
		{"a new CUE file needs one", "", "more.cue", "package roster\n", true},
		{"data that a CUE expression reads needs one", `for u in users {_x: u.userId}`, "users/all.yaml",
			userRecord("bob"), true},
		{"data that CUE has to map needs one", `_more: [if user.userId == "bob" {scim: title: "x"}, {}][0], _more`,
			"users/all.yaml", userRecord("bob"), true},
		{"data for which the mapping does much work needs one", doubledText(16), "users/all.yaml", userRecord("bob"),
			true},
	} {
		t.Run(test.name, func(t *testing.T) {
			v, cache := &verifier{verified: map[string]bool{}}, &Cache{}
			files := dataOnly(test.mapping)
			v.verify(t, v.load(t, cache, files))
			if err := v.load(t, cache, files); err != nil {
				t.Fatalf("the verified commit fails: %v", err)
			}
			text := test.text
			if text == "" {
				text = string(files[test.edit].Data) + "\n_y: 1\n"
			}
			files[test.edit] = &fstest.MapFile{Data: []byte(text)}
			err := v.load(t, cache, files)
			var unverified *UnverifiedError
			if errors.As(err, &unverified) != test.refused {
				t.Fatalf("the second commit: %v; refused: %t", err, test.refused)
			}
			if test.refused {
				v.verify(t, err)
				if err := v.load(t, cache, files); err != nil {
					t.Errorf("after the verification: %v", err)
				}
			}
		})
	}
}
