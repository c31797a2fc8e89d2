package audit

import (
	"os"
	"path/filepath"
)

// Unpublished returns the number of provisioners with reports that are on the disk and not on the
// audit branch yet, because it cannot be pushed.
func (r *Recorder) Unpublished() int {
	provisioners := map[string]bool{}
	for _, path := range []string{r.pendingPath(""), r.queuePath("")} {
		files, err := os.ReadDir(filepath.Dir(path))
		if err != nil { // there is none
			continue
		}
		for _, f := range files {
			if filepath.Ext(f.Name()) == ".json" {
				provisioners[f.Name()] = true
			}
		}
	}
	return len(provisioners)
}
