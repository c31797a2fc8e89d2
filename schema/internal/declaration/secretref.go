package declaration

import (
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// SecretRef refers to a secret without containing it. Exactly one field is set, apart from Pos and
// Ciphertext.
type SecretRef struct {
	Pos  tree.Pos
	Env  string
	File string
	Exec []string
	Age  string // path of an age-encrypted file below the configuration's root
	Sops *SopsRef
	AWS  *AWSRef
	// Ciphertext is the content of the file of Age or Sops. It is encrypted, and as public as the
	// repository.
	Ciphertext []byte
}

// SopsRef is a value in a file that the sops command decrypts.
type SopsRef struct{ File, Key string }

// AWSRef is a value in AWS Secrets Manager or Systems Manager Parameter Store.
type AWSRef struct{ SecretsManager, ParameterStore, Region, Key string }
