package reconcile

import (
	"fmt"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// Quarantine is the state of a provisioner whose directory refuses all calls, or all of a kind.
// Nothing is sent to the directory until NextTry. A try begins with one call. If that is refused,
// the next pause is twice as long; otherwise the quarantine ends.
type Quarantine struct {
	Version     int    `json:"version"`
	Provisioner string `json:"provisioner"`
	Identity    string `json:"identity"`
	// AuthFingerprint is the fingerprint of the refused credentials. With others the quarantine
	// does not count.
	AuthFingerprint string    `json:"authFingerprint"`
	Refused         Refused   `json:"refused"`
	Reason          string    `json:"reason"` // the newest refusal, with the answer of the directory
	Since           time.Time `json:"since"`
	// Tries is the number of tries that failed since then.
	Tries   int       `json:"tries"`
	NextTry time.Time `json:"nextTry"`
	// NotSent is the number of changes that the run before the quarantine did not send.
	NotSent int `json:"notSent,omitempty"`
}

// The pauses between two tries: the first one, if no other is configured, and the longest one.
const (
	FirstQuarantinePause = time.Minute
	MaxQuarantinePause   = time.Hour
)

// quarantinePause returns the pause after a number of failed tries. A first pause of 0 means
// FirstQuarantinePause.
func quarantinePause(first time.Duration, tries int) time.Duration {
	if first <= 0 {
		first = FirstQuarantinePause
	}
	return Pause(tries+1, first, max(first, MaxQuarantinePause))
}

// NewQuarantine returns the quarantine that begins with a refusal. first is the first pause; 0
// means FirstQuarantinePause.
func NewQuarantine(p *schema.Provisioner, refused *RefusedError, now time.Time, first time.Duration) *Quarantine {
	return &Quarantine{
		Version: 1, Provisioner: p.Key, Identity: p.Identity(), AuthFingerprint: AuthFingerprint(p),
		Refused: refused.Refused, Reason: refused.Error(), Since: now, NextTry: now.Add(quarantinePause(first, 0)),
	}
}

// AfterFailedTry returns the quarantine after another try that failed. refused is nil if the try
// failed for another reason: it proves nothing about the refusal.
func (q *Quarantine) AfterFailedTry(refused *RefusedError, now time.Time, first time.Duration) *Quarantine {
	next := *q
	next.Tries++
	next.NextTry = now.Add(quarantinePause(first, next.Tries))
	if refused != nil {
		next.Refused, next.Reason = refused.Refused, refused.Error()
	}
	return &next
}

// Concerns reports whether a quarantine is in force for a provisioner as declared now: with another
// endpoint or other credentials it is not.
func (q *Quarantine) Concerns(p *schema.Provisioner) bool {
	return q != nil && q.Identity == p.Identity() && q.AuthFingerprint == AuthFingerprint(p)
}

// Waits reports whether nothing may be sent for a provisioner yet.
func (q *Quarantine) Waits(p *schema.Provisioner, now time.Time) bool {
	return q.Concerns(p) && now.Before(q.TryAt(now))
}

// longestWait is longer than any pause.
const longestWait = 24 * time.Hour

// TryAt returns when roster tries again: NextTry, or now if the clock was set back since the
// quarantine was stored.
func (q *Quarantine) TryAt(now time.Time) time.Time {
	if q.Since.After(now.Add(clockTolerance)) || q.NextTry.Sub(now) > longestWait {
		return now
	}
	return q.NextTry
}

// String says why the provisioner is in quarantine, since when, and what happens next.
func (q *Quarantine) String() string {
	return fmt.Sprintf("in quarantine since %s: %s; %s", q.Since.UTC().Format(time.RFC3339), q.Reason, q.Next())
}

// Next says what was not sent, and when roster tries again.
func (q *Quarantine) Next() string {
	s := ""
	if q.NotSent > 0 {
		s += fmt.Sprintf("%s not sent; ", schema.Count(q.NotSent, "change"))
	}
	if q.Tries > 0 {
		s += fmt.Sprintf("%s failed; ", schema.Count(q.Tries, "later try"))
	}
	return s + "roster sends nothing until it tries again at " + q.NextTry.UTC().Format(time.RFC3339)
}
