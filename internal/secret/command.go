package secret

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// command returns the standard output of a command. The command runs without a shell and without
// input. Its standard error is discarded, because a password manager might write a secret there.
func (r *Resolver) command(ctx context.Context, argv []string) (string, error) {
	run, stop := context.WithCancel(ctx)
	defer stop()
	cmd := exec.CommandContext(run, argv[0], argv[1:]...)
	cmd.Env = r.commandEnv(os.Environ())
	out := &limitedBuffer{limit: maxSecret, stop: stop}
	cmd.Stdout, cmd.WaitDelay = out, time.Second
	err := cmd.Run()
	var code *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return "", fmt.Errorf("command %q did not end within %s; it has no input, so it must not ask questions",
			argv[0], resolveTimeout)
	case out.full:
		return "", fmt.Errorf("command %q prints more than %d bytes", argv[0], maxSecret)
	case errors.As(err, &code):
		return "", fmt.Errorf("command %q failed (%s); run it as the user of roster to see the reason", argv[0],
			code.ProcessState)
	case err != nil:
		return "", fmt.Errorf("run command: %w", err)
	}
	return out.text.String(), nil
}

// commandEnv returns the environment of a command: that of roster without the variables that are
// only for roster's flags.
func (r *Resolver) commandEnv(all []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(setting string) bool {
		name, _, _ := strings.Cut(setting, "=")
		return slices.Contains(r.Policy.Reserved, name)
	})
}

// limitedBuffer stores what is written to it. At the limit, it stops the writer.
type limitedBuffer struct {
	text  strings.Builder
	limit int
	full  bool
	stop  func()
}

func (b *limitedBuffer) Write(p []byte) (int, error) {
	if b.full = b.full || b.text.Len()+len(p) > b.limit; b.full {
		b.stop()
		return 0, errors.New("the output is too long")
	}
	return b.text.Write(p)
}

// sops decrypts one value of an encrypted file with the sops command. The encrypted file is written
// to a private directory, because sops detects the format by the name. The decrypted value is read
// from a pipe.
func (r *Resolver) sops(ctx context.Context, ref *schema.SecretRef) (text string, err error) {
	dir, err := os.MkdirTemp("", "roster-sops-")
	if err != nil {
		return "", fmt.Errorf("create a directory for sops: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	name := filepath.Join(dir, filepath.Base(ref.Sops.File))
	if err := os.WriteFile(name, ref.Ciphertext, 0o600); err != nil {
		return "", fmt.Errorf("write the file for sops: %w", err)
	}
	text, err = r.command(ctx, []string{"sops", "decrypt", "--extract", sopsPath(ref.Sops.Key), name})
	if err != nil {
		return "", fmt.Errorf("decrypt key %s of sops file %s: %w", ref.Sops.Key, ref.Sops.File, err)
	}
	return text, nil
}

// sopsPath converts a dotted path to the format of sops: ["scim"]["token"]. The format has no
// escapes: everything between the outer quotation marks is the key.
func sopsPath(key string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(key, ".") {
		b.WriteString(`["` + part + `"]`)
	}
	return b.String()
}
