//go:build !linux

package evaluator

import (
	"io"
	"slices"
	"testing"
)

// The probes of the layers need the kernel of Linux.
var probes = map[string]func(io.Reader, io.Writer, start) error{}

func onlyLayer(string) func(Limits) []Layer { return restrictSelf }

func parentOfSleeper() {}

func TestTheMissingLayersAreNamed(t *testing.T) {
	layers, err := newEvaluator(t).Layers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var missing []string
	for _, l := range layers {
		if l.Missing != "" {
			missing = append(missing, l.Name)
		}
	}
	if !slices.Equal(missing, kernelLayers[:]) {
		t.Errorf("the missing layers are %q; want %q", missing, kernelLayers)
	}
}
