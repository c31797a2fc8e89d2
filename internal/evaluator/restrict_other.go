//go:build !linux

package evaluator

// restrictSelf limits nothing: only Linux has the layers.
func restrictSelf(Limits) []Layer {
	return []Layer{{"resource limits, seccomp and landlock", "they exist only on Linux"}}
}
