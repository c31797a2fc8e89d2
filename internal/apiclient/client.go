// Package apiclient is a client of the API of a running daemon.
package apiclient

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/internal/neterror"
	"github.com/seed-d64a251c/roster/internal/operation"
	"github.com/seed-d64a251c/roster/internal/web"
)

// Client is a client of a daemon.
type Client struct {
	// Server is the address of the daemon, such as http://127.0.0.1:8741.
	Server string
	// Token is an API token; "" for none.
	Token string
	// HTTP sends requests. It must have no timeout: Follow waits for events.
	HTTP *http.Client
	// Wait waits before a request is sent again that the daemon refused because of its rate limit;
	// nil means a timer. The error is that of the context.
	Wait func(ctx context.Context, d time.Duration) error
}

// requestTimeout is the time that a request may take, except Follow.
const requestTimeout = 30 * time.Second

// maxAnswer is the size of an answer that is read.
const maxAnswer = 4 << 20

// Status returns the state of the daemon.
func (c *Client) Status(ctx context.Context) (*web.Status, error) {
	out := &web.Status{}
	return out, c.call(ctx, http.MethodGet, "/api/v1/status", nil, out)
}

// Operations returns the newest operations, at most a number. With a provisioner, it returns only
// those of it.
func (c *Client) Operations(ctx context.Context, provisioner string, most int) ([]operation.Operation, error) {
	query := url.Values{}
	if provisioner != "" {
		query.Set("provisioner", provisioner)
	}
	var list []operation.Operation
	for len(list) < most {
		var page web.OperationsPage
		if err := c.call(ctx, http.MethodGet, "/api/v1/operations?"+query.Encode(), nil, &page); err != nil {
			return nil, err
		}
		list = append(list, page.Operations...)
		if page.Next == "" {
			break
		}
		query.Set("cursor", page.Next)
	}
	return list[:min(most, len(list))], nil
}

// Sync asks for a run of a provisioner. A second call with the same key makes no second run.
func (c *Client) Sync(ctx context.Context, provisioner, key string) (operation.Operation, error) {
	var out operation.Operation
	header := http.Header{"Idempotency-Key": {key}}
	return out, c.call(ctx, http.MethodPost, "/api/v1/provisioners/"+url.PathEscape(provisioner)+"/sync", header, &out)
}

// Follow calls event for the operations that run, and for each change of an operation, until event
// returns false or an error, or the daemon ends the stream. With a provisioner or an id, it follows
// only these operations; that of the id also if it has ended.
func (c *Client) Follow(
	ctx context.Context, provisioner, id string, event func(operation.Operation) (more bool, err error),
) error {
	query := url.Values{}
	if provisioner != "" {
		query.Set("provisioner", provisioner)
	}
	if id != "" {
		query.Set("id", id)
	}
	path := "/api/v1/events?" + query.Encode()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	res, err := c.send(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if kind := res.Header.Get("Content-Type"); !strings.HasPrefix(kind, "text/event-stream") {
		return c.otherServer(fmt.Errorf("the answer is %q and no stream of events", kind))
	}
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, maxAnswer)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		var o operation.Operation
		if err := json.Unmarshal([]byte(data), &o); err != nil {
			return c.otherServer(neterror.Explain(err))
		}
		if more, err := event(o); err != nil || !more {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return c.explain(err)
	}
	return errors.New("the daemon has ended the stream")
}

func (c *Client) call(ctx context.Context, method, path string, header http.Header, out any) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	res, err := c.send(ctx, method, path, header)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if err := json.NewDecoder(io.LimitReader(res.Body, maxAnswer)).Decode(out); err != nil {
		return c.otherServer(neterror.Explain(err))
	}
	return nil
}

// maxRefusals is how often a request is sent if the rate limit refuses it each time.
const maxRefusals = 5

// maxRefusalWait is the longest time before a refused request is sent again.
const maxRefusalWait = 20 * time.Second

// send sends a request, also again after the time that the rate limit of the daemon demands. An
// answer that is an error is the error.
func (c *Client) send(ctx context.Context, method, path string, header http.Header) (*http.Response, error) {
	for refusals := 1; ; refusals++ {
		res, err := c.sendOnce(ctx, method, path, header)
		var refused *tooManyRequests
		if !errors.As(err, &refused) || refused.wait > maxRefusalWait || refusals == maxRefusals {
			return res, err
		}
		if err := c.wait(ctx, refused.wait); err != nil {
			return nil, err
		}
	}
}

// tooManyRequests is the error for an answer with the status 429.
type tooManyRequests struct {
	text string
	wait time.Duration
}

func (e *tooManyRequests) Error() string { return e.text }

func (c *Client) wait(ctx context.Context, d time.Duration) error {
	if c.Wait != nil {
		return c.Wait(ctx, d)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

func (c *Client) sendOnce(ctx context.Context, method, path string, header http.Header) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.Server, "/")+path, nil)
	if err != nil {
		return nil, err
	}
	for name, values := range header {
		req.Header[name] = values
	}
	if c.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.Token)
	}
	res, err := c.HTTP.Do(req)
	if err != nil {
		return nil, c.explain(err)
	}
	if res.StatusCode/100 == 2 {
		return res, nil
	}
	defer res.Body.Close()
	data, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err != nil {
		return nil, c.explain(err)
	}
	text := c.message(res, data)
	seconds, err := strconv.Atoi(res.Header.Get("Retry-After"))
	if res.StatusCode == http.StatusTooManyRequests && err == nil && seconds > 0 {
		return nil, &tooManyRequests{text, time.Duration(seconds) * time.Second}
	}
	return nil, errors.New(text)
}

// message returns what an answer with an error says.
func (c *Client) message(res *http.Response, data []byte) string {
	var failure struct {
		Error string `json:"error"`
	}
	described := json.Unmarshal(data, &failure) == nil && failure.Error != ""
	switch {
	case res.StatusCode == http.StatusUnauthorized:
		return "the daemon requires an API token: set ROSTER_API_TOKEN (roster token new makes one)"
	case described:
		return failure.Error
	case res.StatusCode == http.StatusNotFound:
		return c.Server + " has no such path: is it an older version of roster?"
	}
	text := strings.TrimSpace(string(data))
	if strings.Contains(text, "<") || text == "" {
		text = res.Status
	}
	return c.Server + " answers: " + text
}

// otherServer is the error for an answer that is not one of roster.
func (c *Client) otherServer(err error) error {
	return fmt.Errorf("%s does not answer as roster serve does: %w; --server names another address", c.Server, err)
}

// explain says what to do if the daemon does not answer.
func (c *Client) explain(err error) error {
	err = neterror.Explain(err)
	if errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("%s does not answer: %w; is roster serve running there? --server names another address", c.Server,
		err)
}
