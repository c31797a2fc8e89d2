package oauth

import (
	"context"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"
)

// startFlow starts an authorization in the background. It returns the URL that the flow shows, and
// a channel for its result.
func startFlow(t *testing.T, c *Client, f Flow) (address *url.URL, end <-chan error) {
	t.Helper()
	shown, ended := make(chan string, 1), make(chan error, 1)
	f.ShowURL = func(address string) { shown <- address }
	if f.Listen == "" {
		f.Listen = "127.0.0.1:0"
	}
	if f.Timeout == 0 {
		f.Timeout = minute
	}
	go func() {
		_, err := c.Authorize(t.Context(), f)
		ended <- err
	}()
	u, err := url.Parse(<-shown)
	if err != nil {
		t.Fatal(err)
	}
	return u, ended
}

func TestForgedRedirectsAreRejected(t *testing.T) {
	e := newEnv(t, AuthorizationCode, "roster")
	address, end := startFlow(t, e.Client, Flow{})
	q := address.Query()
	back := q.Get("redirect_uri")
	for name, target := range map[string]string{
		"no state":      back + "?code=x",
		"another state": back + "?code=x&state=forged",
		"an error":      back + "?error=access_denied",
		"another path":  strings.TrimSuffix(back, "callback") + "?code=x&state=" + q.Get("state"),
		"no parameters": back,
	} {
		if status, page, _ := browse(t, target); status != http.StatusBadRequest && status != http.StatusNotFound ||
			strings.Contains(page, "x&") {
			t.Errorf("%s: %d %s", name, status, page)
		}
	}
	req, err := http.NewRequest(http.MethodGet, back+"?code=x&state="+q.Get("state"), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "evil.example" // a website whose name leads to this machine
	res, err := http.DefaultClient.Do(req)
	if err != nil || res.Body.Close() != nil || res.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("a redirect to another name: %v, %v", res, err)
	}
	e.wantRequests(t, 0)
	if q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43 || len(q.Get("state")) < 26 ||
		q.Has("code_verifier") {
		t.Errorf("the URL has the parameters %v", q)
	}
	if status, page, _ := browse(t, address.String()); status != http.StatusOK {
		t.Errorf("the genuine redirect ends at %d %s", status, page)
	}
	if err := <-end; err != nil {
		t.Error(err)
	}
}

func TestFlowWithPastedURL(t *testing.T) {
	e := newEnv(t, AuthorizationCode, "roster")
	pasted := make(chan string)
	address, end := startFlow(t, e.Client, Flow{PastedURLs: pasted})
	stop := stopAtLoopback{}
	client := &http.Client{Jar: stop.jar(t), CheckRedirect: stop.check}
	// The loopback address does not work for a browser on another machine.
	res, err := client.Get(address.String())
	if err == nil {
		res.Body.Close()
	}
	if stop.address == "" {
		t.Fatalf("the browser was not redirected to loopback: %v", err)
	}
	for _, line := range []string{"", "what?", "%zz", "http://127.0.0.1/callback?code=x&state=y",
		"  " + stop.address + "\n"} {
		pasted <- line
	}
	if err := <-end; err != nil {
		t.Error(err)
	}
	wantToken(t, e.Client)
}

func TestFlowErrors(t *testing.T) {
	e := newEnv(t, AuthorizationCode, "roster")
	address, end := startFlow(t, e.Client, Flow{})
	browse(t, address.Query().Get("redirect_uri")+"?error=access_denied&error_description=Not+today&state="+
		address.Query().Get("state"))
	wantError(t, <-end, true, "access_denied (Not today): the user or the server declined")

	address, end = startFlow(t, e.Client, Flow{})
	if status, _, _ := browse(t, address.Query().Get("redirect_uri")+"?code=made-up-code&state="+
		address.Query().Get("state")); status != http.StatusBadGateway {
		t.Errorf("an invalid code ends at %d", status)
	}
	wantError(t, <-end, true, "invalid_grant", "made-up-code")

	_, end = startFlow(t, e.Client, Flow{Timeout: 10 * time.Millisecond})
	wantError(t, <-end, false, "the browser did not return within 10ms")

	_, err := e.Authorize(t.Context(), Flow{Listen: "0.0.0.0:0", Timeout: minute})
	wantError(t, err, false, "is not a loopback address")

	ctx, cancel := context.WithCancel(t.Context())
	_, err = e.Authorize(ctx, Flow{Listen: "127.0.0.1:0", Timeout: minute, ShowURL: func(string) { cancel() }})
	wantError(t, err, false, "canceled")
}

func TestServerWithoutRefreshTokens(t *testing.T) {
	e := newEnv(t, AuthorizationCode, "roster-code-only")
	if got := authorize(t, e.Client); got.Renewable {
		t.Errorf("the authorization is %+v", got)
	}
	wantToken(t, e.Client)
	e.advance(t, 11*minute)
	_, err := e.Token(t.Context())
	wantError(t, err, true, "the server issued no refresh token")
}

// stopAtLoopback follows redirects until one leads back to roster.
type stopAtLoopback struct{ address string }

func (*stopAtLoopback) jar(t *testing.T) http.CookieJar {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return jar
}

func (e *stopAtLoopback) check(r *http.Request, _ []*http.Request) error {
	if r.URL.Path == callbackPath {
		e.address = r.URL.String()
		return http.ErrUseLastResponse
	}
	return nil
}
