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

// A pipeSession speaks Git's pack protocol (gitprotocol-pack(5)) with a
// command whose input and output it holds: git-upload-pack or git-receive-pack,
// in a process on this machine or at the other end of SSH. go-git's own
// session cannot be interrupted while it connects. Whoever opens one binds it
// to a context that closes the pipes.
type pipeSession struct {
	service string
	in      io.WriteCloser
	out     io.Reader
	stderr  *tailBuffer
	wait    func() error // until the command has ended
	kill    func()       // ends the connection or process at once; may be called again

	refs  *packp.AdvRefs
	ended sync.Once
}

// A tailBuffer keeps the first bytes of what a command says on its standard error.
type tailBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (t *tailBuffer) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if room := 4096 - t.buf.Len(); room > 0 {
		t.buf.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

func (t *tailBuffer) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(t.buf.String())
}

// AdvertisedReferences reads what the other side has.
func (s *pipeSession) AdvertisedReferences() (*packp.AdvRefs, error) {
	return s.AdvertisedReferencesContext(context.Background())
}

// AdvertisedReferencesContext does the same; the session's own context counts.
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

// failure explains why the other side stopped, from what it said.
func (s *pipeSession) failure(err error) error {
	s.Close() // all of standard error is there afterwards
	said := s.stderr.String()
	var line *pktline.ErrorLine
	if errors.As(err, &line) {
		said = line.Text
	}
	for _, words := range noRepositoryWords {
		if strings.Contains(strings.ToLower(said), words) {
			return fmt.Errorf("%w: %s", transport.ErrRepositoryNotFound, said)
		}
	}
	if said != "" {
		return fmt.Errorf("the server says: %s", said)
	}
	return err
}

// noRepositoryWords are how git and the forges say over SSH that a repository
// does not exist or is hidden from us.
var noRepositoryWords = []string{
	"does not appear to be a git repository", "repository not found", "no such repository", "repository does not exist",
	"could not be found or you don't have permission", "project you were looking for could not be found", "cannot find repository",
}

// UploadPack asks for a pack; the response reads it, without any framing removed.
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

// ReceivePack sends a pack and the references to move, and reads the verdict.
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

// Close ends the command. One that waits for a request gets the flush that
// says there is none; one that is still sending a pack is cut off after a
// while; one that received a pack may finish its hooks.
func (s *pipeSession) Close() error {
	var err error
	s.ended.Do(func() {
		if s.refs != nil {
			_, _ = s.in.Write(pktline.FlushPkt) // it may be gone already
		}
		s.in.Close()
		if s.service == transport.UploadPackServiceName {
			defer time.AfterFunc(patience, s.kill).Stop()
		}
		_, _ = io.Copy(io.Discard, s.out) // so that it does not wait for a reader
		err = s.wait()
		s.kill()
	})
	return err
}

// patience is how long a command that has nothing more to do may take to end.
const patience = 5 * time.Second
