package notify

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/mail"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/seed-d64a251c/roster/internal/civil"
	"github.com/seed-d64a251c/roster/internal/yamlerror"
)

// Config is the content of the file of --notify.
type Config struct {
	// PageURL is the address of roster's pages. The links of messages begin with it. Without it,
	// messages have no links.
	PageURL string `yaml:"pageURL"`
	// Timezone is that of QuietHours.
	Timezone   string     `yaml:"timezone"`
	QuietHours []Quiet    `yaml:"quietHours"`
	Channels   []*Channel `yaml:"channels"`

	quiet []civil.Window
	zone  *time.Location
}

// Quiet is a time in which only critical events are sent. The others are sent at its end.
type Quiet struct {
	From string   `yaml:"from"` // "22:00"
	To   string   `yaml:"to"`   // "07:00"; not after From, it is on the next day
	Days []string `yaml:"days"` // of From, like "Sat"; none means all
}

// Channel is a receiver of events. Exactly one of Webhook, Slack, Teams and SMTP is set.
type Channel struct {
	Name string `yaml:"name"`
	// Severity is the lowest severity of the events that the channel gets; "" means all.
	Severity Severity `yaml:"severity"`
	// Events are the kinds of events that the channel gets; none means all.
	Events []Kind `yaml:"events"`
	// Provisioners are the provisioners whose events the channel gets; none means all, with the
	// events about the repository.
	Provisioners []string `yaml:"provisioners"`
	// Digest is how long events are collected into one message; 0 sends each at once. Critical
	// events are sent at once, with those that wait.
	Digest time.Duration `yaml:"digest"`

	Webhook *Webhook `yaml:"webhook"`
	Slack   *Hook    `yaml:"slack"`
	Teams   *Hook    `yaml:"teams"`
	SMTP    *SMTP    `yaml:"smtp"`
}

// Secret names a secret: an environment variable or a file.
type Secret struct {
	Env  string `yaml:"env"`
	File string `yaml:"file"`
}

// Hook is an address that takes messages. The address is a secret, because everybody who knows it
// can post.
type Hook struct {
	URL Secret `yaml:"url"`
}

// Webhook is an HTTP server that takes events as JSON, signed as the Standard Webhooks
// specification says (https://www.standardwebhooks.com).
type Webhook struct {
	URL Secret `yaml:"url"`
	// SigningSecret is the shared secret of the signature, in the form whsec_ with base64.
	SigningSecret Secret `yaml:"signingSecret"`
}

// SMTP is a mail server with a sender and receivers.
type SMTP struct {
	// Server is HOST:PORT. roster encrypts the connection from the start on port 465, and with
	// STARTTLS on all others. Without encryption it sends to loopback only.
	Server   string   `yaml:"server"`
	From     string   `yaml:"from"`
	To       []string `yaml:"to"`
	Username string   `yaml:"username"`
	Password Secret   `yaml:"password"`
	// CAFile is a file with PEM certificates of the authorities that the server is checked with; ""
	// means those of the system.
	CAFile string `yaml:"caFile"`
}

// ParseConfig reads the file of --notify. Errors name the line, and what would be right.
func ParseConfig(data []byte) (*Config, error) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	c := &Config{}
	if err := dec.Decode(c); err != nil && !errors.Is(err, io.EOF) {
		return nil, yamlerror.Explain("", string(data), err)
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *Config) check() error {
	if c.PageURL != "" {
		if u, err := url.Parse(c.PageURL); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			return errors.New("pageURL: not an address such as https://roster.example.com")
		}
	}
	if err := c.parseQuietHours(); err != nil {
		return err
	}
	if len(c.Channels) == 0 {
		return errors.New("channels: there is none; add one with a name and webhook, slack, teams or smtp")
	}
	names := map[string]bool{}
	for i, ch := range c.Channels {
		if ch == nil || ch.Name == "" {
			return fmt.Errorf("channels[%d].name: every channel needs a name", i)
		}
		if names[ch.Name] {
			return fmt.Errorf("channels[%d].name: there are two channels %q; rename one", i, ch.Name)
		}
		names[ch.Name] = true
		if err := ch.check(); err != nil {
			return fmt.Errorf("channel %q: %w", ch.Name, err)
		}
	}
	return nil
}

func (c *Config) parseQuietHours() error {
	if len(c.QuietHours) == 0 {
		return nil
	}
	zone, err := civil.LoadZone(c.Timezone)
	if err != nil {
		return fmt.Errorf("timezone: %q is no time zone; write one such as Europe/Berlin", c.Timezone)
	}
	c.zone = zone
	for i, q := range c.QuietHours {
		window, err := q.window()
		if err != nil {
			return fmt.Errorf("quietHours[%d]: %w", i, err)
		}
		c.quiet = append(c.quiet, window)
	}
	return nil
}

func (q *Quiet) window() (civil.Window, error) {
	from, err := civil.ParseTimeOfDay(q.From)
	if err != nil {
		return civil.Window{}, fmt.Errorf("from: %w", err)
	}
	to, err := civil.ParseTimeOfDay(q.To)
	if err != nil {
		return civil.Window{}, fmt.Errorf("to: %w", err)
	}
	w := civil.Window{From: from, To: to}
	for _, name := range q.Days {
		day := slices.IndexFunc(weekdays, func(d time.Weekday) bool { return d.String()[:3] == name })
		if day < 0 {
			return civil.Window{}, fmt.Errorf("days: %q is none of Mon, Tue, Wed, Thu, Fri, Sat and Sun", name)
		}
		w.Days = append(w.Days, weekdays[day])
	}
	return w, nil
}

var weekdays = []time.Weekday{time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday, time.Saturday,
	time.Sunday}

// quietUntil returns when the quiet hours end; the zero time outside them.
func (c *Config) quietUntil(now time.Time) time.Time {
	until := now
	for range len(c.quiet) + 1 { // one window may begin where another ends
		before := until
		for _, w := range c.quiet {
			for _, day := range []int{-1, 0} {
				opens, closes := w.On(civil.DateOf(until, c.zone).AddDays(day), c.zone)
				if !until.Before(opens) && until.Before(closes) {
					until = closes
				}
			}
		}
		if until.Equal(before) {
			break
		}
	}
	if until.Equal(now) {
		return time.Time{}
	}
	return until
}

func (ch *Channel) check() error {
	if ch.Severity != "" && !slices.Contains(severities, ch.Severity) {
		return fmt.Errorf("severity: %q is not info, warning or critical", ch.Severity)
	}
	for _, kind := range ch.Events {
		if rowOf(kind).kind == "" {
			return fmt.Errorf("events: %q is none of %s", kind, kindNames())
		}
	}
	if ch.Digest < 0 || ch.Digest > 24*time.Hour {
		return fmt.Errorf("digest: %s is not between 0 and 24h", ch.Digest)
	}
	receivers := 0
	for _, set := range []bool{ch.Webhook != nil, ch.Slack != nil, ch.Teams != nil, ch.SMTP != nil} {
		if set {
			receivers++
		}
	}
	if receivers != 1 {
		return fmt.Errorf("it has %d of webhook, slack, teams and smtp; it needs exactly one", receivers)
	}
	switch {
	case ch.Webhook != nil:
		return errors.Join(ch.Webhook.URL.check("webhook.url"), ch.Webhook.SigningSecret.check("webhook.signingSecret"))
	case ch.Slack != nil:
		return ch.Slack.URL.check("slack.url")
	case ch.Teams != nil:
		return ch.Teams.URL.check("teams.url")
	}
	return ch.SMTP.check()
}

func (s Secret) check(field string) error {
	if (s.Env == "") == (s.File == "") {
		return fmt.Errorf("%s: write env or file: the value itself does not belong into this file", field)
	}
	return nil
}

func (s *SMTP) check() error {
	host, port, err := net.SplitHostPort(s.Server)
	if err != nil || host == "" || port == "" {
		return fmt.Errorf("smtp.server: %q is not HOST:PORT", s.Server)
	}
	for _, address := range append([]string{s.From}, s.To...) {
		if a, err := mail.ParseAddress(address); err != nil || strings.ContainsAny(a.Address, "\r\n") {
			return fmt.Errorf("smtp: %q is no mail address", address)
		}
	}
	if len(s.To) == 0 {
		return errors.New("smtp.to: there is no receiver")
	}
	if (s.Username == "") != (s.Password == Secret{}) {
		return errors.New("smtp: username and password belong together")
	}
	if s.Username == "" {
		return nil
	}
	return s.Password.check("smtp.password")
}
