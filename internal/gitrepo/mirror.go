package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
	"github.com/go-git/go-git/v5/plumbing/transport"

	"github.com/seed-d64a251c/roster/internal/gitobject"
)

// Mirror opens the cache of a remote repository in the folder dir, and makes it
// if there is none. Nothing is fetched yet. The URL may be https://, ssh://,
// user@host:path, file:// or a path; http:// is for loopback only. A folder
// that holds something else is refused. Caches are for one process at a time
// to write; losing one costs a fetch.
func Mirror(dir, url string, auth Auth) (*Repo, error) {
	r, err := mirror(dir, url, auth)
	if err != nil {
		return nil, fmt.Errorf("open repository: %w", err)
	}
	return r, nil
}

func mirror(dir, url string, auth Auth) (*Repo, error) {
	remote, err := newRemote(url, auth)
	if err != nil {
		return nil, err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	if err := prepareCache(dir, remote.address.String()); err != nil {
		return nil, fmt.Errorf("prepare cache %s: %w", dir, err)
	}
	r, err := openAt(dir, dir, dir)
	if err != nil {
		return nil, err
	}
	r.remote = remote
	r.objects.Hint = "the cache " + dir + " is damaged: delete it, it will be fetched again"
	return r, nil
}

// cacheConfig marks a folder as ours and says of what it is the cache.
func cacheConfig(url string) string {
	return fmt.Sprintf("[core]\n\trepositoryformatversion = 0\n\tbare = true\n[gc]\n\tauto = 0\n[roster]\n\tcacheOf = %q\n", url)
}

// prepareCache makes the folder a bare repository. If it was the cache of
// another URL, the branches of that one are forgotten; the objects may serve.
func prepareCache(dir, url string) error {
	conf, err := readConfig(dir)
	if err != nil {
		return err
	}
	before := conf.Section("roster").Option("cacheOf")
	if before != "" {
		removeLeftovers(dir)
	}
	if before == url {
		return nil
	}
	if before == "" {
		names, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if len(names) > 0 {
			return errors.New("the folder is not empty and was not made by roster: name another")
		}
	}
	for _, sub := range []string{"objects/pack", "refs/heads"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return err
		}
	}
	refs := refStore{gitDir: dir, commonDir: dir}
	old, err := refs.list("refs/")
	if err != nil {
		return err
	}
	if err := refs.remove(slices.Collect(maps.Keys(old))); err != nil {
		return err
	}
	if err := refs.link("HEAD", branchPrefix+"main"); err != nil {
		return err
	}
	return writeFileAtomic(filepath.Join(dir, "config"), []byte(cacheConfig(url)), 0o644)
}

// leftover is the age at which a temporary file must be somebody's who died.
const leftover = 6 * time.Hour

// removeLeftovers deletes what a process left that died in the middle of a
// fetch. Failing to is harmless.
func removeLeftovers(dir string) {
	gitobject.RemoveTempFiles(filepath.Join(dir, "objects"), leftover)
	for _, pattern := range []string{"refs/heads/.tmp-*", ".tmp-*"} {
		names, _ := filepath.Glob(filepath.Join(dir, pattern))
		for _, name := range names {
			if info, err := os.Stat(name); err == nil && time.Since(info.ModTime()) > leftover {
				os.Remove(name)
			}
		}
	}
}

// repack joins the packs of the cache with the git program.
func (r *Repo) repack(ctx context.Context) error {
	_, err := git(ctx, r.commonDir, nil, "-c", "pack.threads=1", "--git-dir=.", "repack", "--geometric=2", "-d", "-q")
	return err
}

// URL returns where the remote repository is, without credentials; "" if the
// repository was opened by Open.
func (r *Repo) URL() string {
	if r.remote == nil {
		return ""
	}
	return r.remote.address.String()
}

// Fetch brings branches up to date with the remote, wherever it moved them: all
// branches and tags, or those named ("main", "HEAD", "refs/pull/7/merge"; a
// trailing * stands for anything). Branches that the remote no longer has are
// forgotten. If one of those named does not exist there, the others are
// fetched and the error is a *RefError, which is fs.ErrNotExist; no other error
// is. Without success nothing changes.
func (r *Repo) Fetch(ctx context.Context, branches ...string) error {
	if r.remote == nil {
		return errors.New("fetch: the repository has no remote: open it with Mirror")
	}
	err := r.fetch(ctx, branches)
	var ref *RefError
	if errors.As(err, &ref) {
		return fmt.Errorf("fetch %s: %w", r.remote.address, ref)
	}
	if err != nil {
		return fmt.Errorf("fetch: %w", plain(err))
	}
	return nil
}

// An advertisement is what a remote says it has.
type advertisement struct {
	refs map[string]Hash
	head string // the branch that HEAD names, in full; "" if unknown
}

func (r *Repo) fetch(ctx context.Context, branches []string) error {
	session, err := r.remote.upload(ctx)
	if err != nil {
		return r.remote.explain(ctx, err)
	}
	defer session.Close()
	answer, err := session.AdvertisedReferencesContext(ctx)
	if errors.Is(err, transport.ErrEmptyRemoteRepository) {
		return r.adoptEmpty(ctx, branches)
	}
	if err != nil {
		return r.remote.explain(ctx, err)
	}
	adv := readAdvertisement(answer)
	names, missing := adv.selectRefs(branches)
	if err := r.fetchObjects(ctx, session, answer, adv, names); err != nil {
		return err
	}
	return r.adopt(ctx, adv, names, missing)
}

func readAdvertisement(answer *packp.AdvRefs) advertisement {
	adv := advertisement{refs: map[string]Hash{}}
	for name, h := range answer.References {
		if strings.HasPrefix(name, "refs/") && validRef(name) {
			adv.refs[name] = Hash(h)
		}
	}
	for _, pair := range answer.Capabilities.Get(capability.SymRef) {
		if target, ok := strings.CutPrefix(pair, "HEAD:"); ok && strings.HasPrefix(target, branchPrefix) && validRef(target) {
			adv.head = target
		}
	}
	return adv
}

// selectRefs returns the full names that the patterns mean, and the patterns
// that mean nothing.
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

// fetchObjects brings in what the references need and the cache lacks.
func (r *Repo) fetchObjects(ctx context.Context, session transport.UploadPackSession, answer *packp.AdvRefs, adv advertisement, names []string) error {
	req := packp.NewUploadPackRequestFromCapabilities(answer.Capabilities)
	if answer.Capabilities.Supports(capability.NoProgress) {
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
	haves, err := r.haves()
	if err != nil {
		return err
	}
	req.Haves = haves
	res, err := session.UploadPack(ctx, req)
	if err != nil {
		return r.remote.explain(ctx, err)
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
		var local *fs.PathError // a full disk, not the server's fault
		if errors.As(err, &local) {
			return err
		}
		return r.remote.explain(ctx, err)
	}
	for _, want := range req.Wants {
		if ok, err := r.objects.Has(Hash(want)); err != nil || !ok {
			return errors.Join(err, &RemoteError{URL: r.URL(), Message: "the server did not send object " + want.String() + ", which it advertises"})
		}
	}
	return nil
}

// maxHaves bounds how much of its history a fetch tells the server, so that it
// finds a common commit also after a forced push.
const maxHaves = 256

// haves lists commits that the cache has: all tips, then their ancestors, the
// newest first.
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
			break // what cannot be read cannot be promised
		}
		out = append(out, plumbing.Hash(c.Hash))
	}
	return out, nil
}

// adoptEmpty takes in that the remote has no branch at all: believed of a new
// repository, not of one that had some.
func (r *Repo) adoptEmpty(ctx context.Context, branches []string) error {
	had, err := r.refs.branches()
	if err != nil {
		return err
	}
	if len(had) > 0 {
		return &RemoteError{URL: r.URL(), Message: fmt.Sprintf("the server says that the repository is empty, but it had %s: if that is right, delete the cache %s", strings.Join(had, ", "), r.gitDir)}
	}
	return r.adopt(ctx, advertisement{}, nil, branches)
}

// adopt makes the references of the cache those of the remote: the named ones
// move, those that the remote no longer has go.
func (r *Repo) adopt(ctx context.Context, adv advertisement, names, missing []string) error {
	r.writing.Lock()
	defer r.writing.Unlock()
	local, err := r.refs.list("refs/")
	if err != nil {
		return err
	}
	var gone []string
	for name := range local {
		if _, ok := adv.refs[name]; !ok {
			gone = append(gone, name)
		}
	}
	if err := r.refs.remove(gone); err != nil {
		return err
	}
	for _, name := range names {
		if err := r.refs.write(name, adv.refs[name]); err != nil {
			return err
		}
	}
	if adv.head != "" {
		if err := r.refs.link("HEAD", adv.head); err != nil {
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
