package app

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/seed-d64a251c/roster/schema"
)

// checkRoot returns a problem if a folder on disk is a part of a configuration, and not its root.
// Its declarations would be read without those beside it, which leads to many problems, or to none.
// The root is the highest folder with declarations in the working copy. The root of the file system
// is refused, too.
func checkRoot(folder string) error {
	top, err := filepath.Abs(folder)
	if err != nil {
		return nil // to read the folder fails too
	}
	if info, err := os.Stat(top); err != nil || !info.IsDir() {
		return nil // as above
	}
	if top == filepath.Dir(top) { // to search it for declarations would read the whole machine
		return fmt.Errorf("%s is the root of the file system: name the folder of the repository", top)
	}
	root := ""
	for up := ".."; !isTop(top); up = filepath.Join("..", up) {
		if top = filepath.Dir(top); hasDeclarations(os.DirFS(top)) {
			root = filepath.Join(folder, up)
		}
	}
	if root == "" {
		return nil
	}
	return schema.Problems{schema.NotTheRoot(folder, filepath.ToSlash(root))}
}

// isTop reports whether no folder above another one can be the root of its configuration: it is a
// working copy of its own, or there is none above it.
func isTop(folder string) bool {
	_, err := os.Lstat(filepath.Join(folder, ".git"))
	return err == nil || filepath.Dir(folder) == folder
}

// hasDeclarations reports whether a folder itself has a .cue file of a configuration. The schema
// for editors does not count. A folder that cannot be read has none.
func hasDeclarations(folder fs.FS) bool {
	names, _ := fs.Glob(folder, "*.cue")
	for _, name := range names {
		if info, err := fs.Stat(folder, name); err != nil || !info.Mode().IsRegular() {
			continue
		}
		text, err := fs.ReadFile(folder, name)
		if err == nil && schema.IsPackageRoster(text) && !schema.Generated(text) {
			return true
		}
	}
	return false
}
