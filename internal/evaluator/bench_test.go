package evaluator

import (
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/schema"
	"github.com/seed-d64a251c/roster/schema/schematest"
)

// BenchmarkEvaluate compares what main and a pull request cost in an organization of 100,000 users,
// 10,000 groups and 1,000,000 memberships: a commit with other data, which this process loads
// itself; a commit with other code, which a child verifies first; and a pull request, whose
// declarations come back from the child.
func BenchmarkEvaluate(b *testing.B) {
	tree := schematest.Big(100_000, "yaml").Tree()
	e := newEvaluator(b)
	e.Limits = StandardLimits()
	e.Verdicts = nil
	b.Run("other data", func(b *testing.B) {
		cache := &schema.Cache{}
		verified := func(digest string) bool { return strings.HasPrefix(digest, "code:") }
		o := schema.Options{Cache: cache, Verified: verified}
		if _, err := Load(b.Context(), tree, o); err != nil {
			b.Fatal(err)
		}
		name := schematest.Big(100_000, "yaml").UserFile(1)
		text := tree.Text(name)
		for i := 0; b.Loop(); i++ {
			tree.Write(name, strings.Replace(text, "ACTIVE", []string{"LOCKED", "INACTIVE"}[i%2], 1))
			if _, err := Load(b.Context(), tree, o); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, t := range []struct {
		name   string
		verify bool
	}{{"other code", true}, {"a pull request", false}} {
		b.Run(t.name, func(b *testing.B) {
			for b.Loop() {
				task := Task{Tree: hashedTree{tree, "tree"}, Verify: t.verify}
				if _, err := e.Evaluate(b.Context(), task); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
