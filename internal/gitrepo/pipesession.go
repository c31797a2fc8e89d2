package gitrepo

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing/format/pktline"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
	"github.com/go-git/go-git/v5/plumbing/transport"
)

// A pipeSession speaks Git's pack protocol (gitprotocol-pack(5)) with the command git-upload-pack
// or git-receive-pack. The command is a process on this machine, or runs on an SSH server. go-git's
// own session cannot be interrupted while it connects. The code that opens a pipeSession closes the
// pipes when its context ends.
type pipeSession struct {
	service string
	in      io.WriteCloser
	out     io.Reader
	stderr  *limitedBuffer
	wait    func() error // returns when the command has ended
	kill    func()       // ends the connection or the process at once; may be called twice

	refs  *packp.AdvRefs
	ended sync.Once
}

// A limitedBuffer stores the first 4 KiB of the error output of a command.
type limitedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (t *limitedBuffer) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if room := 4096 - t.buf.Len(); room > 0 {
		t.buf.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

func (t *limitedBuffer) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(t.buf.String())
}

// AdvertisedReferences reads the references of the server.
func (s *pipeSession) AdvertisedReferences() (*packp.AdvRefs, error) {
	return s.AdvertisedReferencesContext(context.Background())
}

// AdvertisedReferencesContext reads the references of the server. It ignores the context; the
// context of the session applies.
func (s *pipeSession) AdvertisedReferencesContext(context.Context) (*packp.AdvRefs, error) {
	if s.refs != nil {
		return s.refs, nil
	}
	refs := packp.NewAdvRefs()
	err := refs.Decode(s.out)
	if err != nil && !errors.Is(err, packp.ErrEmptyAdvRefs) {
		return nil, s.failure(err)
	}
	if s.service == transport.UploadPackServiceName && refs.IsEmpty() {
		return nil, transport.ErrEmptyRemoteRepository
	}
	transport.FilterUnsupportedCapabilities(refs.Capabilities)
	s.refs = refs
	return refs, nil
}

// failure ends the session and returns an error with the error output of the server.
func (s *pipeSession) failure(err error) error {
	s.Close() // afterwards the error output is complete
	message := s.stderr.String()
	var line *pktline.ErrorLine
	if errors.As(err, &line) {
		message = line.Text
	}
	for _, phrase := range notFoundPhrases {
		if strings.Contains(strings.ToLower(message), phrase) {
			return fmt.Errorf("%w: %s", transport.ErrRepositoryNotFound, message)
		}
	}
	if message != "" {
		return fmt.Errorf("the server reports: %s", message)
	}
	return err
}

// notFoundPhrases are phrases in the messages of git and of the forges over SSH. They mean that a
// repository does not exist, or that the user may not see it.
var notFoundPhrases = []string{
	"does not appear to be a git repository", "repository not found", "no such repository", "repository does not exist",
	"could not be found or you don't have permission", "project you were looking for could not be found",
	"cannot find repository",
}

// UploadPack requests a pack. The response contains the pack, still in the framing of the protocol.
func (s *pipeSession) UploadPack(_ context.Context, req *packp.UploadPackRequest) (*packp.UploadPackResponse, error) {
	w := bufio.NewWriter(s.in)
	err := req.UploadRequest.Encode(w)
	if err == nil {
		err = req.UploadHaves.Encode(w, true)
	}
	if err == nil {
		err = pktline.NewEncoder(w).EncodeString("done\n")
	}
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		return nil, s.failure(err)
	}
	res := packp.NewUploadPackResponse(req)
	if err := res.Decode(io.NopCloser(s.out)); err != nil {
		return nil, s.failure(err)
	}
	return res, nil
}

// ReceivePack sends a pack and the updates of references, and reads the result.
func (s *pipeSession) ReceivePack(_ context.Context, req *packp.ReferenceUpdateRequest) (*packp.ReportStatus, error) {
	w := bufio.NewWriter(s.in)
	err := req.Encode(w)
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		return nil, s.failure(err)
	}
	var r io.Reader = s.out
	if req.Capabilities.Supports(capability.Sideband64k) {
		demux := sideband.NewDemuxer(sideband.Sideband64k, r)
		demux.Progress = req.Progress
		r = demux
	}
	report := packp.NewReportStatus()
	if err := report.Decode(r); err != nil {
		return nil, s.failure(err)
	}
	return report, report.Error()
}

// Close ends the command:
//
//   - A command that waits for a request gets the flush packet for "no request".
//   - A command that is still sending a pack is killed after exitTimeout.
//   - A command that has received a pack may finish its hooks.
func (s *pipeSession) Close() error {
	var err error
	s.ended.Do(func() {
		if s.refs != nil {
			_, _ = s.in.Write(pktline.FlushPkt) // the command may have ended
		}
		s.in.Close()
		if s.service == transport.UploadPackServiceName {
			defer time.AfterFunc(exitTimeout, s.kill).Stop()
		}
		_, _ = io.Copy(io.Discard, s.out) // otherwise the command waits until its output is read
		err = s.wait()
		s.kill()
	})
	return err
}

// exitTimeout is how long a command may take to end after its last request.
const exitTimeout = 5 * time.Second
