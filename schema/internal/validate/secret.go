package validate

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/schema/internal/declaration"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// maxEncrypted is the largest size of an encrypted file in bytes. A token has a few hundred bytes,
// and a sops file has several secrets.
const maxEncrypted = 256 << 10

// checkSecretFile reads the file of a reference to a secret and requires that it is encrypted.
func (v *validator) checkSecretFile(s *declaration.SecretRef, path string) {
	var name string
	var marks []string
	switch {
	case s == nil:
		return
	case s.Age != "":
		name, path, marks = s.Age, path+".age", ageMarks
	case s.Sops != nil:
		name, path, marks = s.Sops.File, path+".sops.file", sopsMarks
	default:
		return
	}
	if !v.checkFile(name, s.Pos, path) {
		return
	}
	content, err := fs.ReadFile(v.FS, name)
	has := func(mark string) bool { return strings.Contains(string(content), mark) }
	var p tree.Problem
	switch {
	case v.cannotRead(name, err):
		return
	case err != nil:
		p = tree.MissingFile.Problem(s.Pos, path, "cannot read the file: "+err.Error())
	case len(content) > maxEncrypted:
		message := fmt.Sprintf("must have at most %d bytes, has %d", maxEncrypted, len(content))
		p = tree.MissingFile.Problem(s.Pos, path, message)
	case !slices.ContainsFunc(marks, has):
		p = tree.SecretLiteral.Problem(s.Pos, path, "the file is not encrypted; its content is not shown")
	default:
		v.ciphertexts[s] = content
		return
	}
	v.Report(p.WithValue(tree.Quote(name)))
}

// An encrypted file contains one of the marks of its format.
var (
	ageMarks  = []string{"age-encryption.org/v1\n", "-----BEGIN AGE ENCRYPTED FILE-----"}
	sopsMarks = []string{"ENC[AES256_GCM,"}
)
