package declaration

import (
	"fmt"
	"time"

	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// Provisioner connects declarations to one tenant of AWS IAM Identity Center.
type Provisioner struct {
	Key     string
	Pos     tree.Pos
	Enabled bool
	App     string
	Mapping string
	// Groups are the groups whose members are in scope. It is nil if all users are (AllUsers).
	Groups      []string
	GroupsPos   tree.Pos
	AllUsers    bool
	PushGroups  bool
	Endpoint    string
	EndpointPos tree.Pos
	Auth        Auth
	// TokenExpires is the declared expiry of the SCIM token. AWS tokens are valid for a year.
	TokenExpires *Date
	// TokenExpiresPos is the position of TokenExpires, or of the provisioner without one.
	TokenExpiresPos tree.Pos
	Schedule        string
	Timezone        *time.Location // never nil
	Windows         map[string]*Window
	Paused          *Pause
	Deprovision     Deprovision
	Adopt           string // "never", "match", "take-over"
	Limits          map[string]*Limit
	Review          Review
	Protect         Protect
	FullRead        string
	DriftBound      time.Duration
	Rate            Rate
	Previously      []string
}

// Auth is the authentication of a provisioner. Exactly one field is set.
type Auth struct {
	Token  *SecretRef
	OAuth2 *OAuth2
}

// Review is the rule that a merge must be approved before its changes are applied.
type Review struct {
	Pos      tree.Pos
	Required bool
	// Approvals is the number of different people who must approve; 0 if no review is required.
	Approvals int
	// By are the accounts at the forge whose approvals count. If it is empty, all accounts that may
	// write to the repository count.
	By []string
}

// String returns the rule as text for notices and errors.
func (r Review) String() string {
	switch {
	case !r.Required:
		return "off"
	case r.Approvals == 1 && len(r.By) == 0:
		return "required"
	case len(r.By) == 0:
		return "required (" + tree.Count(r.Approvals, "approval") + ")"
	}
	return fmt.Sprintf("required (%s by %s)", tree.Count(r.Approvals, "approval"), tree.QuoteList(r.By))
}

// OAuth2 declares an OAuth 2.0 grant (RFC 6749).
type OAuth2 struct {
	Pos          tree.Pos
	Grant        string // "clientCredentials", "authorizationCode"
	TokenURL     string
	AuthorizeURL string
	ClientID     string
	ClientSecret *SecretRef
	Scopes       []string
}

// Window is a time in which a provisioner may write.
type Window struct {
	Pos      tree.Pos
	Days     []string
	From, To string // "15:04" in the provisioner's timezone
}

// Pause stops a provisioner: roster sends nothing.
type Pause struct {
	Pos    tree.Pos
	Reason string
	Until  *Date
}

// Deprovision is what happens to users who leave the scope.
type Deprovision struct {
	Mode            string // "deactivate", "delete", "keep"
	DeleteAfterDays *int
}

// Limit tunes one gate, or turns it off with a reason.
type Limit struct {
	Pos     tree.Pos
	Min     *int
	Percent *float64
	Max     *int
	Off     bool
	Reason  string
}

// Protect has the objects whose changes are always held.
type Protect struct {
	Users  map[string]tree.Pos
	Groups map[string]tree.Pos
}

// Rate limits the calls to an endpoint. PerSecond 0 means unlimited, which is allowed only for
// loopback endpoints.
type Rate struct {
	PerSecond   float64
	Concurrency int
}

// Valid reports whether exactly one kind of authentication is set, with its references.
func (a Auth) Valid() bool {
	if a.OAuth2 != nil {
		return a.Token == nil && a.OAuth2.ClientID != ""
	}
	return a.Token != nil
}
