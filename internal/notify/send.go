package notify

import (
	"bytes"
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

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/seed-d64a251c/roster/internal/loopback"
	"github.com/seed-d64a251c/roster/internal/neterror"
)

// resolver returns the value of a secret.
type resolver func(ctx context.Context, s Secret) (string, error)

func newSender(ch *Channel, resolve resolver) sender {
	switch {
	case ch.Webhook != nil:
		return &webhookSender{post: newPoster(ch.Webhook.URL, resolve), secret: ch.Webhook.SigningSecret}
	case ch.Slack != nil:
		return &hookSender{post: newPoster(ch.Slack.URL, resolve), body: slackBody}
	case ch.Teams != nil:
		return &hookSender{post: newPoster(ch.Teams.URL, resolve), body: teamsBody}
	}
	return &mailSender{smtp: ch.SMTP, resolve: resolve}
}

// sendTimeout is the time that a receiver has to take a message.
const sendTimeout = 20 * time.Second

// poster posts JSON to a secret address. Its errors do not contain the address.
type poster struct {
	url     Secret
	resolve resolver
	client  *http.Client
}

func newPoster(address Secret, resolve resolver) poster {
	return poster{url: address, resolve: resolve, client: &http.Client{Timeout: sendTimeout,
		// The receiver must not send the message to another host.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

func (p *poster) post(ctx context.Context, body []byte, header http.Header) error {
	text, err := p.resolve(ctx, p.url)
	if err != nil {
		return err
	}
	address, err := url.Parse(strings.TrimSpace(text))
	if err != nil || address.Host == "" {
		return errors.New("its secret is not an address such as https://example.com/hook")
	}
	if address.Scheme != "https" && (address.Scheme != "http" || !loopback.IsHost(address.Hostname())) {
		return fmt.Errorf("the address of %s is not https", address.Host)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address.String(), bytes.NewReader(body))
	if err != nil {
		return errors.New("its secret is not an address such as https://example.com/hook")
	}
	req.Header = header
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "roster")
	res, err := p.client.Do(req)
	if err != nil {
		return fmt.Errorf("%s: %w", address.Host, neterror.Explain(err)) // without the address, which is a secret
	}
	defer res.Body.Close()
	_, _ = io.CopyN(io.Discard, res.Body, 64<<10) // so that the connection can be used again
	if res.StatusCode/100 == 2 {
		return nil
	}
	err = fmt.Errorf("%s answered %s", address.Host, res.Status)
	if seconds, convErr := strconv.Atoi(res.Header.Get("Retry-After")); convErr == nil && seconds > 0 {
		return &retryError{time.Duration(min(seconds, 24*3600)) * time.Second, err}
	}
	return err
}

// webhookSender sends the events as JSON with a signature.
type webhookSender struct {
	post   poster
	secret Secret
}

// webhookBody is the body of a webhook.
type webhookBody struct {
	Version int    `json:"version"`
	Type    string `json:"type"` // of the specification
	// Timestamp is when the newest event happened.
	Timestamp time.Time   `json:"timestamp"`
	Data      webhookData `json:"data"`
}

type webhookData struct {
	Text   string         `json:"text"`
	Events []webhookEvent `json:"events"`
	// Omitted is the number of further events.
	Omitted int `json:"omitted,omitempty"`
}

type webhookEvent struct {
	Event
	Link string `json:"link,omitempty"`
}

func (s *webhookSender) send(ctx context.Context, m *message, now time.Time) error {
	body := webhookBody{Version: 1, Type: "roster.events", Data: webhookData{Text: m.subject(), Omitted: m.omitted}}
	for i := range m.events {
		e := &m.events[i]
		body.Data.Events = append(body.Data.Events, webhookEvent{*e, m.link(e)})
		if e.Time.After(body.Timestamp) {
			body.Timestamp = e.Time
		}
	}
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	secret, err := s.post.resolve(ctx, s.secret)
	if err != nil {
		return err
	}
	key, err := standardwebhooks.NewWebhook(strings.TrimSpace(secret))
	if err != nil {
		return errors.New("the signing secret is not whsec_ with base64")
	}
	signature, err := key.Sign(m.id, now, data)
	if err != nil {
		return err
	}
	header := http.Header{}
	header.Set(standardwebhooks.HeaderWebhookID, m.id)
	header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	header.Set(standardwebhooks.HeaderWebhookSignature, signature)
	return s.post.post(ctx, data, header)
}

// hookSender sends the body that a chat service expects.
type hookSender struct {
	post poster
	body func(*message) any
}

func (s *hookSender) send(ctx context.Context, m *message, _ time.Time) error {
	data, err := json.Marshal(s.body(m))
	if err != nil {
		return err
	}
	return s.post.post(ctx, data, http.Header{})
}
