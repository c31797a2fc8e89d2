package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"

	"github.com/seed-d64a251c/roster/internal/gitobject"
)

// push sends the objects and asks the remote to move the reference from base to
// h. go-git's own push would walk every tree of every commit; the objects are
// known here.
func (r *Repo) push(ctx context.Context, ref string, base, h Hash, objects []gitobject.Object) error {
	pack, err := gitobject.EncodePack(objects)
	if err != nil {
		return err
	}
	sent, err := r.sendPack(ctx, ref, base, h, pack)
	if err != nil && sent {
		err = r.settle(ctx, ref, base, h, err)
	}
	if err != nil {
		return err
	}
	r.writing.Lock()
	defer r.writing.Unlock()
	if err := r.objects.AddPack(bytes.NewReader(pack)); err != nil {
		return fmt.Errorf("keep what was pushed: %w", err)
	}
	return r.refs.write(ref, h)
}

// sendPack returns sent if the remote may have taken the commit although there
// is an error.
func (r *Repo) sendPack(ctx context.Context, ref string, base, h Hash, pack []byte) (sent bool, err error) {
	session, err := r.remote.receive(ctx)
	if err != nil {
		return false, r.remote.explain(ctx, err)
	}
	defer session.Close()
	adv, err := session.AdvertisedReferencesContext(ctx)
	if err != nil {
		return false, r.remote.explain(ctx, err)
	}
	if now := Hash(adv.References[ref]); now != base {
		return false, fmt.Errorf("%w: it is at %s, not at %s", ErrStale, name(now), name(base))
	}
	if !adv.Capabilities.Supports(capability.ReportStatus) {
		return false, &RemoteError{URL: r.URL(), Message: "the server does not report whether a push succeeds"}
	}
	said := &tailBuffer{}
	req := packp.NewReferenceUpdateRequestFromCapabilities(adv.Capabilities)
	if adv.Capabilities.Supports(capability.Sideband64k) {
		if err := req.Capabilities.Set(capability.Sideband64k); err != nil {
			return false, err
		}
		req.Progress = said
	}
	req.Commands = []*packp.Command{{Name: plumbing.ReferenceName(ref), Old: plumbing.Hash(base), New: plumbing.Hash(h)}}
	req.Packfile = io.NopCloser(bytes.NewReader(pack))
	report, err := session.ReceivePack(ctx, req)
	if report == nil {
		if err == nil {
			err = io.ErrUnexpectedEOF
		}
		return true, r.remote.explain(ctx, err)
	}
	return false, r.verdict(ref, report, said.String())
}

// verdict reads the server's report on one reference.
func (r *Repo) verdict(ref string, report *packp.ReportStatus, said string) error {
	said = r.remote.hide(printable(said))
	if report.UnpackStatus != "ok" {
		return &RemoteError{URL: r.URL(), Message: join("the server could not store the commit: "+r.remote.hide(report.UnpackStatus), said)}
	}
	for _, status := range report.CommandStatuses {
		if status.ReferenceName.String() != ref {
			continue
		}
		if status.Status == "ok" {
			return nil
		}
		for _, words := range staleWords {
			if strings.Contains(status.Status, words) {
				return fmt.Errorf("%w: %s", ErrStale, r.remote.hide(status.Status))
			}
		}
		return &RefusedError{Branch: strings.TrimPrefix(ref, branchPrefix), Message: join(r.remote.hide(printable(status.Status)), said)}
	}
	return &RemoteError{URL: r.URL(), Message: "the server did not say what became of the push"}
}

// staleWords are how git and the forges say that another push came first
// (builtin/receive-pack.c, refs/files-backend.c).
var staleWords = []string{
	"failed to update ref", "fetch first", "non-fast-forward", "cannot lock ref", "failed to lock", "unable to lock",
	"reference already exists", "incorrect old value", "stale info", "remote ref updated since",
}

func join(status, said string) string {
	if said == "" {
		return status
	}
	return status + ": " + said
}

// printable makes the words of a server fit for one line of a terminal.
func printable(s string) string {
	s = strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(s, "?"))
	return strings.Join(strings.Fields(s), " ")
}

// settleTime bounds the question after a broken push, also when the caller's
// context has ended.
const settleTime = 15 * time.Second

// settle asks the remote what became of a push whose answer was lost. It
// returns nil if the commit is on the branch, ErrStale if another is, and
// failure if nothing has changed or nobody knows.
func (r *Repo) settle(ctx context.Context, ref string, base, h Hash, failure error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	var missing *RefError
	if err := r.fetch(ctx, []string{ref}); err != nil && !errors.As(err, &missing) {
		return fmt.Errorf("%w (and it is unknown whether the commit arrived: %w)", failure, err)
	}
	now, _, err := r.refs.read(ref)
	switch {
	case err != nil:
		return err
	case now == base:
		return failure
	case now.IsZero():
		return fmt.Errorf("%w: it is gone", ErrStale)
	}
	landed, err := r.IsAncestor(h, now)
	if err != nil {
		return err
	}
	if !landed {
		return fmt.Errorf("%w: it is at %s, not at %s", ErrStale, now.Short(), name(base))
	}
	return nil
}
