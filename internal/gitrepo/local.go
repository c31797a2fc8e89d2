package gitrepo

import (
	"context"
	"fmt"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/transport"
)

// dialLocal starts the server side of git for a repository on this machine, as `git push
// file://...` does. Hooks run too.
func dialLocal(ctx context.Context, path, service string) (*pipeSession, error) {
	ctx, kill := context.WithCancel(ctx)
	cmd := gitCommand(ctx, strings.TrimPrefix(service, "git-"), path)
	stderr := &limitedBuffer{}
	cmd.Stderr = stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		kill()
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		kill()
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		kill()
		return nil, fmt.Errorf("start %s: %w", service, err)
	}
	return &pipeSession{service: service, in: in, out: out, stderr: stderr, kill: kill, wait: cmd.Wait}, nil
}

var (
	_ transport.UploadPackSession  = (*pipeSession)(nil)
	_ transport.ReceivePackSession = (*pipeSession)(nil)
)
