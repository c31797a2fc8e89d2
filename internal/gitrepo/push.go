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

// push sends the objects and asks the remote to move the reference from base to h. It does not use
// go-git's push, which reads every tree of every commit to find the objects to send.
func (r *Repo) push(ctx context.Context, ref string, base, h Hash, objects []gitobject.Object) error {
	pack, err := gitobject.EncodePack(objects)
	if err != nil {
		return err
	}
	sent, err := r.sendPack(ctx, ref, base, h, pack)
	if err != nil && sent {
		err = r.confirmPush(ctx, ref, base, h, err)
	}
	if err != nil {
		return err
	}
	r.writing.Lock()
	defer r.writing.Unlock()
	if err := r.objects.AddPack(bytes.NewReader(pack)); err != nil {
		return fmt.Errorf("store the pushed objects: %w", err)
	}
	return r.refs.write(ref, h)
}

// sendPack sends a pack and the update of a reference. If there is an error but the remote may have
// accepted the commit, sent is true.
func (r *Repo) sendPack(ctx context.Context, ref string, base, h Hash, pack []byte) (sent bool, err error) {
	session, err := r.remote.receive(ctx)
	if err != nil {
		return false, r.remote.wrapError(ctx, err)
	}
	defer session.Close()
	adv, err := session.AdvertisedReferencesContext(ctx)
	if err != nil {
		return false, r.remote.wrapError(ctx, err)
	}
	if now := Hash(adv.References[ref]); now != base {
		return false, fmt.Errorf("%w: it is at %s, not at %s", ErrStale, shortName(now), shortName(base))
	}
	if !adv.Capabilities.Supports(capability.ReportStatus) {
		return false, &RemoteError{URL: r.URL(),
			Message: "the server does not support report-status, so the result of a push would be unknown"}
	}
	progress := &limitedBuffer{}
	req := packp.NewReferenceUpdateRequestFromCapabilities(adv.Capabilities)
	if adv.Capabilities.Supports(capability.Sideband64k) {
		if err := req.Capabilities.Set(capability.Sideband64k); err != nil {
			return false, err
		}
		req.Progress = progress
	}
	req.Commands = []*packp.Command{{
		Name: plumbing.ReferenceName(ref), Old: plumbing.Hash(base), New: plumbing.Hash(h),
	}}
	req.Packfile = io.NopCloser(bytes.NewReader(pack))
	report, err := session.ReceivePack(ctx, req)
	if report == nil {
		if err == nil {
			err = io.ErrUnexpectedEOF
		}
		return true, r.remote.wrapError(ctx, err)
	}
	return false, r.pushResult(ref, report, progress.String())
}

// pushResult returns the server's report on one reference as an error, nil if the push succeeded.
// The errors include the progress output, which has the messages of hooks.
func (r *Repo) pushResult(ref string, report *packp.ReportStatus, progress string) error {
	progress = r.remote.redact(oneLine(progress))
	if report.UnpackStatus != "ok" {
		status := "the server could not store the commit: " + r.remote.redact(report.UnpackStatus)
		return &RemoteError{URL: r.URL(), Message: withDetail(status, progress)}
	}
	for _, status := range report.CommandStatuses {
		if status.ReferenceName.String() != ref {
			continue
		}
		if status.Status == "ok" {
			return nil
		}
		for _, phrase := range stalePhrases {
			if strings.Contains(status.Status, phrase) {
				return fmt.Errorf("%w: %s", ErrStale, r.remote.redact(status.Status))
			}
		}
		reason := r.remote.redact(oneLine(status.Status))
		return &RefusedError{Branch: strings.TrimPrefix(ref, branchPrefix), Message: withDetail(reason, progress)}
	}
	return &RemoteError{URL: r.URL(), Message: "the server did not report the result of the push"}
}

// stalePhrases are phrases in the messages of git and of the forges. They mean that another push
// came first (builtin/receive-pack.c, refs/files-backend.c).
var stalePhrases = []string{
	"failed to update ref", "fetch first", "non-fast-forward", "cannot lock ref", "failed to lock", "unable to lock",
	"reference already exists", "incorrect old value", "stale info", "remote ref updated since",
}

// withDetail appends a detail to a message, if there is one.
func withDetail(message, detail string) string {
	if detail == "" {
		return message
	}
	return message + ": " + detail
}

// oneLine replaces the control characters of a text, so that a terminal shows it on one line.
func oneLine(s string) string {
	s = strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(s, "?"))
	return strings.Join(strings.Fields(s), " ")
}

// confirmTimeout limits the fetch after a failed push, which also runs if the caller's context has
// ended.
const confirmTimeout = 15 * time.Second

// confirmPush fetches the reference to find out the result of a push whose answer was lost. It
// returns nil if the commit is on the branch, and ErrStale if the branch has another commit. It
// returns failure if the branch has not changed, or if the result stays unknown.
func (r *Repo) confirmPush(ctx context.Context, ref string, base, h Hash, failure error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), confirmTimeout)
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
		return fmt.Errorf("%w: it was deleted", ErrStale)
	}
	arrived, err := r.IsAncestor(h, now)
	if err != nil {
		return err
	}
	if !arrived {
		return fmt.Errorf("%w: it is at %s, not at %s", ErrStale, now.Short(), shortName(base))
	}
	return nil
}
