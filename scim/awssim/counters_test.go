package awssim_test

import (
	"fmt"
	"io"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

func TestTheLastRequestsAreRecorded(t *testing.T) {
	now := start()
	s := &awssim.Server{Tenant: "t", Now: func() time.Time { return now }}
	for i := range 1005 {
		req := httptest.NewRequestWithContext(t.Context(), "GET", fmt.Sprintf("/t/scim/v2/Users/%d", i), nil)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, req)
		if _, err := io.Copy(io.Discard, w.Body); err != nil {
			t.Fatal(err)
		}
	}
	list := s.Requests()
	if len(list) != 1000 || list[0].Target != "/t/scim/v2/Users/5" || list[999].Target != "/t/scim/v2/Users/1004" {
		t.Errorf("%d requests from %s to %s", len(list), list[0].Target, list[len(list)-1].Target)
	}
}
