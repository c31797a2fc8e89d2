package schema

import (
	"fmt"

	"github.com/seed-d64a251c/roster/internal/textfile"
	"github.com/seed-d64a251c/roster/schema/internal/source"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// Limits bound the cost of the files of one configuration. A field that is 0 has the standard
// value.
type Limits = source.FileLimits

// StandardLimits returns the limits of Load. They are above the needs of an organization with
// 100,000 users.
func StandardLimits() Limits { return source.StandardFileLimits() }

// ContentError is what a tree has instead of a file or folder. It is an fs.ErrInvalid: the tree is
// the cause, and another attempt does not help.
type ContentError = source.ContentError

// Unreadable returns the problem of a file or folder that cannot be read because of what the tree
// has instead: a submodule, a pointer of Git LFS, an entry with an impossible name. The error is an
// fs.ErrInvalid. Another attempt does not help.
func Unreadable(name string, err error) Problem { return source.Unreadable(name, err) }

// IsDeclarationFile reports whether Load would read a file with this name.
func IsDeclarationFile(name string) bool { return source.IsDeclarationFile(name) }

// IgnoredByGit returns the warning for a file that Load would read, but that no commit has.
func IgnoredByGit(name string) Problem {
	return tree.IgnoredFile.Problem(tree.Pos{File: name}, "", "Git ignores this file, so a commit does not have it").
		WithAdvice("remove the pattern from .gitignore, or remove the file")
}

// IsPackageRoster reports whether a .cue file is part of a configuration: its package is roster.
func IsPackageRoster(content []byte) bool { return source.PackageName(content) == "roster" }

// NotTheRoot returns the problem of a folder whose declarations are part of a configuration with
// another root.
func NotTheRoot(folder, root string) Problem {
	message := fmt.Sprintf("the folder %s is a part of the configuration in %s", tree.Quote(folder), tree.Quote(root))
	return tree.NotTheRoot.Problem(tree.Pos{}, "", message).WithAdvice("name its root, " + tree.Quote(root))
}

// PlainText returns the UTF-8 text of a file without its byte-order mark. For any other encoding it
// returns what the file has instead, such as "the file is UTF-16, not UTF-8".
func PlainText(data []byte) (text []byte, other string) { return textfile.Decode(data) }
