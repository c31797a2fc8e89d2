package secret

import "testing"

// TestPrepare builds the sops command. scripts/prepare-tests runs it before all other tests, so
// that a failed download shows early and takes no time of the tests that use the command.
func TestPrepare(t *testing.T) {
	sopsCommand(t)
}
