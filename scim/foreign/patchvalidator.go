package foreign

import (
	"fmt"
	"strings"
	"testing"
)

// PatchValidator validates PATCH bodies with npm's scim-patch.
type PatchValidator struct{ process }

// StartPatchValidator starts the validator. It stops with the test and is not safe for concurrent
// use.
func StartPatchValidator(t testing.TB) *PatchValidator {
	t.Helper()
	return &PatchValidator{run(t, "patch.mjs")}
}

// Validate returns an error if scim-patch rejects the body of a PATCH request.
func (v *PatchValidator) Validate(body []byte) error {
	if _, err := fmt.Fprintf(v.in, "%s\n", strings.ReplaceAll(string(body), "\n", " ")); err != nil {
		return fmt.Errorf("run scim-patch: %w", err)
	}
	result, err := v.line()
	if err != nil {
		return fmt.Errorf("run scim-patch: %w", err)
	}
	if result != "ok" {
		return fmt.Errorf("scim-patch: %s", result)
	}
	return nil
}
