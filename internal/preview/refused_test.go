package preview

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/internal/forge"
	"github.com/seed-d64a251c/roster/internal/forge/forgetest"
)

// A token that may read, and not write, is a problem although the rounds succeed. It ends when a
// write succeeds.
func TestATokenThatMayOnlyReadIsAProblem(t *testing.T) {
	for _, code := range []int{http.StatusForbidden, http.StatusNotFound} {
		for _, kind := range []forge.Kind{forge.KindGitHub, forge.KindGitLab, forge.KindGitea} {
			e := newEnv(t, "ann bob")
			head := e.propose(7, "ann cleo")
			e.runGit("update-ref", "refs/merge-requests/7/head", head)
			state := &forgetest.State{T: t, Token: "token", RefusedWrites: code, Pulls: []*forgetest.Pull{
				{Number: 7, Author: "ann", Base: "main", Head: head, Updated: e.now}}}
			p := e.previewer()
			var err error
			if p.Forge, err = forge.Open(forge.Config{Kind: kind, Repository: state.Start(string(kind)),
				Token: "token"}); err != nil {
				t.Fatal(err)
			}
			e.runOnceQuietly(p)
			p.setProblem(nil) // as Run does after this round
			if text := p.Problem(); !strings.Contains(text, "the forge refuses comments: ") {
				t.Errorf("%s answers %d: problem %q", kind, code, text)
			}
			state.Mu.Lock()
			state.RefusedWrites = 0
			state.Mu.Unlock()
			e.now = e.now.Add(time.Hour)
			e.runOnceQuietly(p)
			if text := p.Problem(); text != "" {
				t.Errorf("%s accepts writes again: problem %q", kind, text)
			}
		}
	}
}
