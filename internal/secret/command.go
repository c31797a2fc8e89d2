package secret

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// command returns what a command prints on standard output. It runs without a shell and without input. What it says on standard error is
// not repeated: nobody knows what a password manager tells there.
func (r *Resolver) command(ctx context.Context, argv []string) (string, error) {
	run, stop := context.WithCancel(ctx)
	defer stop()
	cmd := exec.CommandContext(run, argv[0], argv[1:]...)
	out := &bounded{limit: maxSecret, stop: stop}
	cmd.Stdout, cmd.WaitDelay = out, time.Second
	err := cmd.Run()
	var code *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return "", fmt.Errorf("command %q: no answer within %s; it gets no input: make it work without asking", argv[0], patience)
	case out.full:
		return "", fmt.Errorf("command %q prints more than %d bytes", argv[0], maxSecret)
	case errors.As(err, &code):
		return "", fmt.Errorf("command %q failed (%s); run it by hand as the user of roster to see why", argv[0], code.ProcessState)
	case err != nil:
		return "", fmt.Errorf("run command: %w", err)
	}
	return out.text.String(), nil
}

// bounded keeps what is written to it, and stops the writer at a limit.
type bounded struct {
	text  strings.Builder
	limit int
	full  bool
	stop  func()
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.full = b.full || b.text.Len()+len(p) > b.limit; b.full {
		b.stop()
		return 0, errors.New("too much")
	}
	return b.text.Write(p)
}

// sops decrypts one value of an encrypted file with the sops command. The file, as committed, goes through a private folder, because sops
// tells the format from the name; what is decrypted comes through a pipe.
func (r *Resolver) sops(ctx context.Context, ref *schema.SecretRef) (text string, err error) {
	dir, err := os.MkdirTemp("", "roster-sops-")
	if err != nil {
		return "", fmt.Errorf("make a folder for sops: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	name := filepath.Join(dir, filepath.Base(ref.Sops.File))
	if err := os.WriteFile(name, ref.Sealed, 0o600); err != nil {
		return "", fmt.Errorf("hand the file to sops: %w", err)
	}
	text, err = r.command(ctx, []string{"sops", "--decrypt", "--extract", extract(ref.Sops.Key), name})
	if err != nil {
		return "", fmt.Errorf("decrypt %s of %s: %w", ref.Sops.Key, ref.Sops.File, err)
	}
	return text, nil
}

// extract writes a dotted path as sops wants it: ["scim"]["token"]. It knows no escapes: what stands between the outer quotation marks counts.
func extract(key string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(key, ".") {
		b.WriteString(`["` + part + `"]`)
	}
	return b.String()
}
