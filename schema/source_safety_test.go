package schema

import (
	"strings"
	"testing"
)

func TestTooDeepIgnoresTheLengthOfAFile(t *testing.T) {
	long := strings.Repeat("groups: \"g\": {displayName: \"G\", members: {u1: {}, u2: {}, }}\n", 4000)
	if tooDeep([]byte(long), 500) {
		t.Error("a long flat file counts as deep")
	}
	if deep := strings.Repeat("{a: ", 40_000); !tooDeep([]byte(deep), 500) {
		t.Error("a deep file does not count as deep")
	}
}
