package notify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

// Notifier decides which events there are, and delivers them. Its methods may be called
// concurrently.
type Notifier struct {
	config  *Config
	senders map[string]sender // by channel
	file    string
	log     *slog.Logger
	now     func() time.Time
	wake    chan struct{}

	mu    sync.Mutex
	state state
}

// sender sends messages to one channel.
type sender interface {
	// send returns nil if the receiver has the message. A retryError says when to try again.
	send(ctx context.Context, m *message, now time.Time) error
}

// state is the content of the file.
type state struct {
	Version int `json:"version"`
	// Open are the problems that were reported and have not ended, by their keys.
	Open map[string]openProblem `json:"open"`
	// Waiting are the deliveries that have not succeeded, the oldest first.
	Waiting []delivery `json:"waiting"`
}

// openProblem is a problem that was reported.
type openProblem struct {
	Subject string    `json:"subject"`
	Kind    Kind      `json:"kind"`
	Title   string    `json:"title"`
	Since   time.Time `json:"since"`
}

// delivery is an event that a channel must get.
type delivery struct {
	Channel string    `json:"channel"`
	Event   Event     `json:"event"`
	Due     time.Time `json:"due"`
	Tries   int       `json:"tries,omitempty"`
}

const (
	// maxWaiting is the number of deliveries of a channel that wait. With more, the oldest that are
	// not critical are dropped, with a log message.
	maxWaiting = 500
	// maxAge is how long roster tries to deliver an event.
	maxAge = 7 * 24 * time.Hour
	// firstPause is the pause after the first try that failed. Each further one doubles it.
	firstPause = 30 * time.Second
	maxPause   = time.Hour
	// onceOpen is how long a problem that does not last counts as reported.
	onceOpen = 120 * 24 * time.Hour
)

// Observe compares the problems of a subject with those that were reported. New problems, and the
// end of all problems of a kind, become events. The subject is the key of a provisioner, or "" for
// the repository. Observe returns after the events are stored.
func (n *Notifier) Observe(subject string, problems []Problem) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := n.now()
	var events []Event
	found := map[string]bool{}
	for i := range problems {
		p := &problems[i]
		key := p.key(subject)
		found[key] = true
		if _, open := n.state.Open[key]; open {
			continue
		}
		n.state.Open[key] = openProblem{subject, p.Kind, p.Title, now}
		events = append(events, p.event(subject, now))
	}
	events = append(events, n.ended(subject, found, now)...)
	if len(events) == 0 {
		return nil
	}
	for i := range events {
		n.enqueue(&events[i], now)
	}
	err := n.save()
	n.wakeUp()
	return err
}

// ended removes the problems of a subject that are over. If none that lasts remains, it returns an
// event about it.
func (n *Notifier) ended(subject string, found map[string]bool, now time.Time) []Event {
	var titles []string
	remains := false
	for key, p := range n.state.Open {
		switch {
		case p.Subject != subject:
		case rowOf(p.Kind).lasts && found[key]:
			remains = true
		case rowOf(p.Kind).lasts:
			delete(n.state.Open, key)
			titles = append(titles, p.Title)
		case now.Sub(p.Since) > onceOpen && !found[key]:
			delete(n.state.Open, key)
		}
	}
	if remains || len(titles) == 0 {
		return nil
	}
	slices.Sort(titles)
	details := make([]string, len(titles))
	for i, title := range titles {
		details[i] = "before: " + title
	}
	return []Event{{ID: eventID(subject+"\x00"+string(Recovered), now), Kind: Recovered, Severity: Info, Time: now,
		Provisioner: subject, Title: "all is well again", Details: details, Path: "/"}}
}

// enqueue adds deliveries of an event for the channels that get it.
func (n *Notifier) enqueue(e *Event, now time.Time) {
	for _, ch := range n.config.Channels {
		if !ch.gets(e) {
			continue
		}
		due := now
		if e.Severity != Critical {
			due = now.Add(ch.Digest)
			for _, d := range n.state.Waiting { // an event that waits has begun the digest
				if d.Channel == ch.Name && d.Tries == 0 && d.Due.Before(due) {
					due = d.Due
				}
			}
			if until := n.config.quietUntil(due); !until.IsZero() {
				due = until
			}
		}
		n.state.Waiting = append(n.state.Waiting, delivery{Channel: ch.Name, Event: *e, Due: due})
		n.limit(ch.Name)
	}
}

// gets reports whether a channel gets an event.
func (ch *Channel) gets(e *Event) bool {
	return slices.Index(severities, e.Severity) >= slices.Index(severities, cmp.Or(ch.Severity, Info)) &&
		(len(ch.Events) == 0 || slices.Contains(ch.Events, e.Kind)) &&
		(len(ch.Provisioners) == 0 || slices.Contains(ch.Provisioners, e.Provisioner))
}

// limit drops deliveries of a channel if too many wait.
func (n *Notifier) limit(channel string) {
	waiting := 0
	for _, d := range n.state.Waiting {
		if d.Channel == channel {
			waiting++
		}
	}
	for ; waiting > maxWaiting; waiting-- {
		i := slices.IndexFunc(n.state.Waiting, func(d delivery) bool {
			return d.Channel == channel && d.Event.Severity != Critical
		})
		if i < 0 {
			i = slices.IndexFunc(n.state.Waiting, func(d delivery) bool { return d.Channel == channel })
		}
		n.log.Error("a notification is dropped, because too many wait", "channel", channel, "event",
			n.state.Waiting[i].Event.Title)
		n.state.Waiting = slices.Delete(n.state.Waiting, i, i+1)
	}
}

// Run delivers events until ctx ends.
func (n *Notifier) Run(ctx context.Context) {
	for ctx.Err() == nil {
		next := n.Deliver(ctx)
		wait := time.Hour
		if !next.IsZero() {
			wait = min(wait, max(next.Sub(n.now()), 0))
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-n.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

func (n *Notifier) wakeUp() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// Deliver sends what is due, one message for each channel. It returns when the next delivery is
// due; the zero time if none waits.
func (n *Notifier) Deliver(ctx context.Context) (next time.Time) {
	var sending sync.WaitGroup
	for _, ch := range n.config.Channels {
		batch := n.batch(ch)
		if len(batch) == 0 {
			continue
		}
		sending.Go(func() { n.deliver(ctx, ch, batch) })
	}
	sending.Wait()
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, d := range n.state.Waiting {
		if next.IsZero() || d.Due.Before(next) {
			next = d.Due
		}
	}
	return next
}

// batch returns the deliveries of a channel if one of them is due: those that are due, and those
// that wait for the same digest.
func (n *Notifier) batch(ch *Channel) []delivery {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := n.now()
	quiet := !n.config.quietUntil(now).IsZero()
	var out []delivery
	due := false
	for _, d := range n.state.Waiting {
		if d.Channel != ch.Name {
			continue
		}
		ready := !d.Due.After(now)
		due = due || ready
		if ready || d.Tries == 0 && !quiet {
			out = append(out, d)
		}
	}
	if !due {
		return nil
	}
	return out
}

// deliver sends one message with the events of a batch, and records the result.
func (n *Notifier) deliver(ctx context.Context, ch *Channel, batch []delivery) {
	m := &message{pageURL: n.config.PageURL}
	var ids []string
	for i, d := range batch {
		ids = append(ids, d.Event.ID)
		if i < maxEvents {
			m.events = append(m.events, d.Event)
		} else {
			m.omitted++
		}
	}
	m.id = strings.Replace(eventID(ch.Name+"\x00"+strings.Join(ids, "\x00"), time.Time{}), "evt_", "msg_", 1)
	err := n.senders[ch.Name].send(ctx, m, n.now())
	if err != nil && ctx.Err() != nil {
		return // it is sent after the next start
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	now := n.now()
	n.state.Waiting = slices.DeleteFunc(n.state.Waiting, func(d delivery) bool {
		return d.Channel == ch.Name && slices.Contains(ids, d.Event.ID) && (err == nil || n.tooOld(d, now, err))
	})
	if err != nil {
		n.log.Warn("a notification could not be sent; it is sent later", "channel", ch.Name, "error", err)
		for i := range n.state.Waiting {
			if d := &n.state.Waiting[i]; d.Channel == ch.Name && slices.Contains(ids, d.Event.ID) {
				d.Tries++
				d.Due = now.Add(pause(d.Tries, err))
			}
		}
	}
	if err := n.save(); err != nil {
		n.log.Error("cannot store which notifications were sent", "error", err)
	}
}

// tooOld reports whether a delivery is given up, and logs it.
func (n *Notifier) tooOld(d delivery, now time.Time, err error) bool {
	if now.Sub(d.Event.Time) <= maxAge {
		return false
	}
	n.log.Error("a notification is given up", "channel", d.Channel, "event", d.Event.Title, "error", err)
	return true
}

// retryError is an error of a receiver that says when to try again.
type retryError struct {
	after time.Duration
	err   error
}

func (e *retryError) Error() string { return e.err.Error() }
func (e *retryError) Unwrap() error { return e.err }

// pause returns how long to wait after a number of tries that failed.
func pause(tries int, err error) time.Duration {
	d := min(firstPause<<min(tries-1, 10), maxPause)
	var retry *retryError
	if errors.As(err, &retry) {
		d = min(max(d, retry.after), maxPause)
	}
	return d
}

// Undelivered returns the number of deliveries that wait.
func (n *Notifier) Undelivered() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.state.Waiting)
}

// Waiting describes the channels whose receivers do not answer, for the list of problems.
func (n *Notifier) Waiting() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	failing := map[string]int{}
	for _, d := range n.state.Waiting {
		if d.Tries > 0 {
			failing[d.Channel]++
		}
	}
	var out []string
	for _, ch := range n.config.Channels {
		if failing[ch.Name] > 0 {
			out = append(out, fmt.Sprintf("channel %q does not take notifications: %d wait", ch.Name, failing[ch.Name]))
		}
	}
	return out
}
