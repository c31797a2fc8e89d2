package web

import (
	"context"
	"fmt"
	"io/fs"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/internal/daemon"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/explain"
)

func TestExplanations(t *testing.T) {
	explain := func(_ context.Context, kind, word, provisioner string) ([]*explain.Explanation, error) {
		switch word {
		case "nobody":
			return nil, fmt.Errorf("no %s %q: %w", kind, word, fs.ErrNotExist)
		case "two":
			return nil, fmt.Errorf("%q: %w", word, explain.ErrAmbiguous)
		case "broken":
			return nil, fmt.Errorf("read the audit branch: away")
		}
		return []*explain.Explanation{{Kind: kind, Key: word, Provisioner: provisioner, Answer: "<b>" + word + "</b> is in AWS.",
			Facts: []explain.Fact{{Topic: "member", Subject: "sre", Text: "declared member", File: "groups/sre.cue", Line: 3,
				LastCommit: &reconcile.CommitRef{ID: "0123456789", Author: "Eve <eve@example.com>", Subject: "<i>"}}}}}, nil
	}
	for _, test := range []struct {
		name, path string
		code       int
		has        string
	}{
		{"a user as JSON", "/api/v1/explain/user/u-1?provisioner=aws", 200, `"provisioner": "aws"`},
		{"a group as JSON", "/api/v1/explain/group/sre", 200, `"kind": "group"`},
		{"a name with a space", "/api/v1/explain/group/Break%20Glass", 200, `"key": "Break Glass"`},
		{"nobody", "/api/v1/explain/user/nobody", 404, `"error": "no user \"nobody\"`},
		{"several", "/api/v1/explain/user/two", 409, `"error"`},
		{"an audit branch that is away", "/api/v1/explain/user/broken", 500, "away"},
		{"a kind that there is not", "/api/v1/explain/app/aws", 404, ""},
		{"the page before anything is asked", "/explain", 200, "<form"},
		{"the page escapes what it shows", "/explain?key=u-1", 200, "&lt;b&gt;u-1&lt;/b&gt; is in AWS."},
		{"the page tells the line and the commit", "/explain?key=u-1", 200, "groups/sre.cue:3 (0123456, Eve, "},
		{"the page of nobody", "/explain?kind=group&key=nobody", 404, "no group"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			s := &Surface{State: func() daemon.State { return daemon.State{} }, Explain: explain}
			s.Handler().ServeHTTP(w, httptest.NewRequest("GET", test.path, nil))
			if w.Code != test.code || !strings.Contains(w.Body.String(), test.has) {
				t.Errorf("%d %s; want %d with %s", w.Code, w.Body, test.code, test.has)
			}
		})
	}
}
