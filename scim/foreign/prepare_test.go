package foreign

import "testing"

// TestPrepare installs the npm packages. scripts/prepare-tests runs it before all other tests, so
// that a failed download shows early and takes no time of the tests that use the packages.
func TestPrepare(t *testing.T) {
	installed(t)
}
