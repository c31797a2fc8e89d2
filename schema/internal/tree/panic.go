package tree

import (
	"fmt"
	"runtime/debug"
	"strings"
)

// PanicError is the error for a panic while declarations are loaded. The cause is an error in CUE
// or in roster that these declarations trigger.
type PanicError struct {
	// Value is what the code panicked with, on one line.
	Value string
	Stack []byte
}

func (e *PanicError) Error() string {
	return "the declarations cannot be evaluated, because they trigger an internal error: " + e.Value
}

// maxPanicText is the largest number of bytes of a panic's value that are kept. The value may
// contain text of the declarations.
const maxPanicText = 200

// Recovered returns the error for a recovered value, or nil if there was no panic.
func Recovered(recovered any) error {
	if recovered == nil {
		return nil
	}
	text := strings.Join(strings.Fields(fmt.Sprint(recovered)), " ")
	if len(text) > maxPanicText {
		text = strings.ToValidUTF8(text[:maxPanicText], "") + "..."
	}
	return &PanicError{Value: text, Stack: debug.Stack()}
}
