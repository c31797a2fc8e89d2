package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
	"github.com/go-git/go-git/v5/plumbing/transport"
)

// Fetch updates the references of a mirror to those of the remote, also after a forced push. It
// fetches all branches and tags, or only the named ones. A name may be "main", "HEAD" or
// "refs/pull/7/merge"; a trailing * matches any suffix. Fetch also removes the references that the
// remote does not have any more.
//
// If a named reference does not exist on the remote, Fetch fetches the others and returns a
// *RefError, which is fs.ErrNotExist. No other error of Fetch is fs.ErrNotExist. After any other
// error the mirror is unchanged.
//
// The first Fetch verifies the cache. If it is damaged, or a read has found damage since, Fetch
// makes it again with the named references only.
func (r *Repo) Fetch(ctx context.Context, branches ...string) error {
	if r.remote == nil {
		return errors.New("fetch: the repository was not opened with Mirror")
	}
	var err error
	if damage := r.damageOf(); damage != nil {
		err = r.renew(ctx, branches, damage)
	} else if err = r.fetch(ctx, branches); isLocal(err) && ctx.Err() == nil {
		if damage := r.verifyCache(); damage != nil {
			err = r.renew(ctx, branches, damage)
		}
	}
	var ref *RefError
	if errors.As(err, &ref) {
		return fmt.Errorf("fetch %s: %w", r.remote.address, ref)
	}
	if err != nil {
		return fmt.Errorf("fetch: %w", withoutNotExist(err))
	}
	return nil
}

// isLocal reports whether an error of a fetch is about the cache, and not about the remote.
func isLocal(err error) bool {
	var remote *RemoteError
	var auth *AuthError
	var host *HostKeyError
	var ref *RefError
	return err != nil && !errors.As(err, &remote) && !errors.As(err, &auth) && !errors.As(err, &host) &&
		!errors.As(err, &ref)
}

// An advertisement is the list of references that a remote has sent.
type advertisement struct {
	refs map[string]Hash
	head string // full name of the branch that HEAD refers to; "" if unknown
}

func (r *Repo) fetch(ctx context.Context, branches []string) error {
	return r.fetchWith(ctx, branches, r.lockCache)
}

// fetchUnlocked fetches for a caller who has the lock of the cache.
func (r *Repo) fetchUnlocked(ctx context.Context, branches []string) error {
	return r.fetchWith(ctx, branches, func(context.Context) (func(), error) { return func() {}, nil })
}

// lockFunc takes the lock of a cache among the processes that share it.
type lockFunc func(context.Context) (unlock func(), err error)

func (r *Repo) fetchWith(ctx context.Context, branches []string, lock lockFunc) error {
	session, err := r.remote.upload(ctx)
	if err != nil {
		return r.remote.wrapError(ctx, err)
	}
	defer session.Close()
	advertised, err := session.AdvertisedReferencesContext(ctx)
	if errors.Is(err, transport.ErrEmptyRemoteRepository) {
		return r.updateToEmpty(ctx, branches, lock)
	}
	if err != nil {
		return r.remote.wrapError(ctx, err)
	}
	adv := readAdvertisement(advertised)
	names, missing := adv.selectRefs(branches)
	if err := r.fetchObjects(ctx, session, advertised.Capabilities, adv, names); err != nil {
		return err
	}
	return r.updateRefs(ctx, adv, names, missing, lock)
}

// readAdvertisement ignores references with invalid names.
func readAdvertisement(advertised *packp.AdvRefs) advertisement {
	adv := advertisement{refs: map[string]Hash{}}
	for name, h := range advertised.References {
		if strings.HasPrefix(name, "refs/") && validRef(name) {
			adv.refs[name] = Hash(h)
		}
	}
	for _, pair := range advertised.Capabilities.Get(capability.SymRef) {
		target, ok := strings.CutPrefix(pair, "HEAD:")
		if ok && strings.HasPrefix(target, branchPrefix) && validRef(target) {
			adv.head = target
		}
	}
	return adv
}

// selectRefs returns the full names of the references that match the patterns, and the patterns
// that match no reference.
func (a advertisement) selectRefs(patterns []string) (names, missing []string) {
	if len(patterns) == 0 {
		patterns = []string{"refs/heads/*", "refs/tags/*"}
	}
	for _, pattern := range patterns {
		full := branchRef(pattern)
		if pattern == "HEAD" && a.head != "" {
			full = a.head
		}
		prefix, star := strings.CutSuffix(full, "*")
		if _, ok := a.refs[full]; ok {
			names = append(names, full)
		} else if !star {
			missing = append(missing, pattern)
		}
		for name := range a.refs {
			if star && strings.HasPrefix(name, prefix) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names), missing
}

// fetchObjects fetches the objects that the named references need and the cache does not have.
func (r *Repo) fetchObjects(ctx context.Context, session transport.UploadPackSession, server *capability.List,
	adv advertisement, names []string) error {
	req := packp.NewUploadPackRequestFromCapabilities(server)
	if server.Supports(capability.NoProgress) {
		if err := req.Capabilities.Set(capability.NoProgress); err != nil {
			return err
		}
	}
	for _, name := range names {
		ok, err := r.objects.Has(adv.refs[name])
		if err != nil {
			return err
		}
		if want := plumbing.Hash(adv.refs[name]); !ok && !slices.Contains(req.Wants, want) {
			req.Wants = append(req.Wants, want)
		}
	}
	if len(req.Wants) == 0 {
		return nil
	}
	if r.beforeHaves != nil {
		r.beforeHaves()
	}
	haves, err := r.haves()
	if err != nil {
		return err
	}
	// Another process that shares the cache may have fetched the objects meanwhile.
	req.Wants = slices.DeleteFunc(req.Wants, func(want plumbing.Hash) bool { return slices.Contains(haves, want) })
	if len(req.Wants) == 0 {
		return nil
	}
	req.Haves = haves
	res, err := session.UploadPack(ctx, req)
	if err != nil {
		return r.remote.wrapError(ctx, err)
	}
	defer res.Close()
	var pack io.Reader = res
	switch {
	case req.Capabilities.Supports(capability.Sideband64k):
		pack = sideband.NewDemuxer(sideband.Sideband64k, res)
	case req.Capabilities.Supports(capability.Sideband):
		pack = sideband.NewDemuxer(sideband.Sideband, res)
	}
	if err := r.objects.AddPack(pack); err != nil {
		var local *fs.PathError // a local failure, such as a full disk
		if errors.As(err, &local) {
			return err
		}
		return r.remote.wrapError(ctx, err)
	}
	for _, want := range req.Wants {
		if ok, err := r.objects.Has(Hash(want)); err != nil || !ok {
			return errors.Join(err, &RemoteError{URL: r.URL(),
				Message: "the server did not send object " + want.String() + ", which it advertises"})
		}
	}
	return nil
}

// maxHaves is the number of commits that a fetch sends to the server. With them the server finds a
// common commit even after a forced push.
const maxHaves = 256

// haves returns commits that the cache has, the newest first: the tips of all references, then
// their ancestors.
func (r *Repo) haves() ([]plumbing.Hash, error) {
	refs, err := r.refs.list("refs/")
	if err != nil {
		return nil, err
	}
	var tips []Hash
	for _, h := range refs {
		if c, err := r.peel(h); err == nil {
			tips = append(tips, c)
		}
	}
	var out []plumbing.Hash
	for c, err := range r.walk(tips) {
		if err != nil || len(out) == maxHaves {
			break // a commit that cannot be read must not be claimed
		}
		out = append(out, plumbing.Hash(c.Hash))
	}
	return out, nil
}

// updateToEmpty handles a remote without any branch. It accepts that for a new repository, but not
// if the mirror has branches.
func (r *Repo) updateToEmpty(ctx context.Context, branches []string, lock lockFunc) error {
	old, err := r.refs.branches()
	if err != nil {
		return err
	}
	if len(old) > 0 {
		return &RemoteError{URL: r.URL(), Err: ErrEmptied, Message: fmt.Sprintf("the server reports an empty "+
			"repository, but it had the branches %s: if that is right, delete the cache %s",
			strings.Join(old, ", "), r.gitDir)}
	}
	return r.updateRefs(ctx, advertisement{}, nil, branches, lock)
}

// updateRefs sets the named references to those of the remote, and removes the references that the
// remote does not have. The missing patterns become a *RefError.
func (r *Repo) updateRefs(ctx context.Context, adv advertisement, names, missing []string, lock lockFunc) error {
	unlock, err := lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	r.writing.Lock()
	defer r.writing.Unlock()
	local, err := r.refs.list("refs/")
	if err != nil {
		return err
	}
	var removed []string
	for name := range local {
		if _, ok := adv.refs[name]; !ok {
			removed = append(removed, name)
		}
	}
	if err := r.refs.remove(removed); err != nil {
		return err
	}
	for _, name := range names {
		if err := r.refs.write(name, adv.refs[name]); err != nil {
			return err
		}
	}
	if adv.head != "" {
		if err := r.refs.writeSymbolic("HEAD", adv.head); err != nil {
			return err
		}
	}
	if err := r.objects.Compact(ctx, r.repack); err != nil {
		return err
	}
	if len(missing) == 0 {
		return nil
	}
	var branches []string
	for name := range adv.refs {
		if b, ok := strings.CutPrefix(name, branchPrefix); ok {
			branches = append(branches, b)
		}
	}
	slices.Sort(branches)
	return &RefError{Ref: strings.Join(missing, ", "), Branches: branches}
}
