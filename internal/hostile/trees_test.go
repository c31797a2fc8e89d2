package hostile

import (
	"testing"

	"github.com/seed-d64a251c/roster/internal/gitrepo"
)

func TestHostileTreesGetTheirAnswer(t *testing.T) {
	run(t, corpus(t).Trees, func(t *testing.T, c *Case) string {
		dir := t.TempDir()
		if err := c.WriteRepository(dir); err != nil {
			t.Fatal(err)
		}
		repo, err := gitrepo.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		head, err := repo.Resolve("main")
		if err != nil {
			t.Fatal(err)
		}
		tree, err := repo.FS(head, "")
		if err != nil {
			return answerOf(err)
		}
		return evaluate(t, tree)
	})
}
