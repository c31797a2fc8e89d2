//go:build !linux

package evaluator

// restrictSelf sets no limits of the kernel: only Linux has them.
func restrictSelf(Limits) []Layer {
	out := layersByConstruction()
	for _, name := range kernelLayers {
		out = append(out, Layer{name, "it exists only on Linux"})
	}
	return out
}
