package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Dirty returns the files of the working copy that differ from HEAD: staged, unstaged and
// untracked, but not ignored. The paths are relative to the root and sorted. A bare repository has
// none. Dirty runs `git status`, which handles line endings, filters and ignore files.
func (r *Repo) Dirty(ctx context.Context) ([]string, error) {
	if r.workTree == "" {
		return nil, nil
	}
	out, err := git(ctx, r.workTree, nil, "-c", "core.fsmonitor=false",
		"status", "--porcelain", "-z", "--no-renames", "--untracked-files=all")
	if err != nil {
		return nil, fmt.Errorf("find uncommitted changes: %w", err)
	}
	var files []string
	for line := range strings.SplitSeq(string(out), "\x00") {
		if len(line) > 3 { // "XY path"
			files = append(files, line[3:])
		}
	}
	slices.Sort(files)
	return files, nil
}

// IgnoredBelow returns the files and folders below dir that Git ignores and that are not in the
// repository: a commit will not have them. Paths are relative to dir with slashes; that of a folder
// ends in one, and then its files are not listed. A folder outside any repository has none.
func IgnoredBelow(ctx context.Context, dir string) ([]string, error) {
	inside, err := git(ctx, dir, nil, "rev-parse", "--is-inside-work-tree")
	if err != nil || strings.TrimSpace(string(inside)) != "true" {
		return nil, nil // not a working copy, or no git program: then no file is known to be ignored
	}
	out, err := git(ctx, dir, nil, "ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory")
	if err != nil {
		return nil, fmt.Errorf("find ignored files: %w", err)
	}
	list := strings.FieldsFunc(string(out), func(r rune) bool { return r == 0 })
	slices.Sort(list)
	var found []string
	for i, name := range list { // Git also lists a folder in which all files are ignored
		if i+1 == len(list) || !strings.HasSuffix(name, "/") || !strings.HasPrefix(list[i+1], name) {
			found = append(found, name)
		}
	}
	return found, nil
}

// Init creates a repository with a working copy in dir. The files of content are in one commit on
// the branch main. If dir is not empty, the error is fs.ErrExist. If meta has no author, the author
// is the user of the Git configuration, or roster. Init runs the git program, so the index and the
// settings are those of the user's git version. The user's hooks and ignore files do not apply.
func Init(ctx context.Context, dir string, content fs.FS, meta CommitMeta) (*Repo, error) {
	if err := initWorkingCopy(ctx, dir, content, meta); err != nil {
		return nil, fmt.Errorf("create repository %s: %w", dir, err)
	}
	return Open(dir)
}

// initWorkingCopy creates the repository and its first commit.
func initWorkingCopy(ctx context.Context, dir string, content fs.FS, meta CommitMeta) error {
	if meta.Sign != nil {
		return errors.New("Init cannot sign the first commit")
	}
	if meta.When.IsZero() {
		return errors.New("a commit needs a date")
	}
	if err := makeEmptyDir(dir); err != nil {
		return err
	}
	if err := os.CopyFS(dir, content); err != nil {
		return fmt.Errorf("write files: %w", err)
	}
	if _, err := git(ctx, dir, nil, "init", "-q", "--template=", "--initial-branch=main"); err != nil {
		return err
	}
	if _, err := git(ctx, dir, nil, "-c", "core.autocrlf=false", "add", "--force", "--all", "."); err != nil {
		return err
	}
	return firstCommit(ctx, dir, meta)
}

// makeEmptyDir creates a folder. A folder that is not empty is fs.ErrExist.
func makeEmptyDir(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	names, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	if len(names) > 0 {
		return fmt.Errorf("the folder is not empty (it has %s): choose another: %w", names[0].Name(), fs.ErrExist)
	}
	return nil
}

// firstCommit commits the staged files.
func firstCommit(ctx context.Context, dir string, meta CommitMeta) error {
	author := meta.Author
	if author == (Person{}) {
		author = configuredPerson(ctx, dir)
	}
	args := []string{
		"-c", "commit.gpgsign=false", "-c", "core.hooksPath=" + os.DevNull,
		"-c", "user.name=" + ident(author.Name), "-c", "user.email=" + ident(author.Email),
		"commit", "-q", "--allow-empty", "--cleanup=verbatim", "-F", "-",
	}
	cmd := gitCommand(ctx, args...)
	cmd.Dir = dir
	cmd.Stdin = strings.NewReader(strings.TrimRight(meta.Message, "\n") + "\n")
	date := fmt.Sprintf("%d %s", meta.When.Unix(), meta.When.Format("-0700"))
	cmd.Env = append(slices.DeleteFunc(cmd.Env, func(kv string) bool {
		return strings.HasPrefix(kv, "GIT_AUTHOR_") || strings.HasPrefix(kv, "GIT_COMMITTER_")
	}), "GIT_AUTHOR_DATE="+date, "GIT_COMMITTER_DATE="+date)
	if _, err := cmd.Output(); err != nil {
		return gitError(args, err)
	}
	return nil
}

// configuredPerson returns the user of the Git configuration, or roster if it has no complete user.
func configuredPerson(ctx context.Context, dir string) Person {
	name, err1 := git(ctx, dir, nil, "config", "user.name")
	email, err2 := git(ctx, dir, nil, "config", "user.email")
	p := Person{strings.TrimSpace(string(name)), strings.TrimSpace(string(email))}
	if err1 != nil || err2 != nil || p.Name == "" || p.Email == "" {
		return Person{"roster", "roster@localhost"}
	}
	return p
}

// InitBare creates an empty bare repository with the default branch main. The folder must be empty
// or must not exist.
func InitBare(ctx context.Context, dir string) (*Repo, error) {
	abs, err := filepath.Abs(dir)
	if err == nil {
		err = makeEmptyDir(abs)
	}
	if err == nil {
		_, err = git(ctx, abs, nil, "init", "-q", "--bare", "--initial-branch=main")
	}
	if err != nil {
		return nil, fmt.Errorf("create repository %s: %w", dir, err)
	}
	return Open(abs)
}
