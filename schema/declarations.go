package schema

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// Declarations is the checked configuration of one commit. All references resolve, and AWS accepts
// all mapped users. It is immutable after Load and safe for concurrent use.
type Declarations struct {
	// Timezone is that of bare dates. It is never nil, and UTC by default.
	Timezone       *time.Location
	AttributeTypes map[string]*AttributeType
	Users          map[string]*User
	Groups         map[string]*Group
	Mappings       map[string]*Mapping
	Apps           map[string]*App
	Provisioners   map[string]*Provisioner
	Assertions     map[string]*Assertion
	Approvals      map[string]*Approval

	// Warnings are the problems that do not make the configuration invalid, sorted by position.
	Warnings tree.Problems

	// loaded is nil for declarations that no Load with a Cache returned.
	loaded *loaded
}

// AttributeType declares one custom attribute of users.
type AttributeType struct {
	Key string
	Pos tree.Pos
	// Type is "string", "bool", "int" or "strings".
	Type string
	// Redact hides the values of the attribute in reports, pages and comments.
	Redact bool
}

// UserState is the state of a user.
type UserState string

// The states of a user. Locked and inactive users keep their memberships and are inactive in AWS.
const (
	Active   UserState = "ACTIVE"
	Locked   UserState = "LOCKED"
	Inactive UserState = "INACTIVE"
)

// User is one user. Key is the stable identity of the user: it becomes the SCIM externalId and is
// never reused.
type User struct {
	Key                                string
	Pos                                tree.Pos
	UserID, FirstName, LastName, Email string
	State                              UserState
	// Attributes are string, bool, int64 or []string, according to AttributeTypes.
	Attributes map[string]any
	ValidFrom  *Date
	ValidUntil *Date
	// Previously has earlier keys of the user.
	Previously []string
}

// Date is a day in the repository's timezone, or a point in time. Both ends are inclusive.
type Date struct {
	Text string // as declared
	// Start and End are the midnight of the day and the next one. For a point in time both are
	// equal.
	Start, End time.Time
}

// Begun reports whether the date has started at now.
func (d *Date) Begun(now time.Time) bool { return !now.Before(d.Start) }

// Over reports whether the date has ended at now.
func (d *Date) Over(now time.Time) bool { return !now.Before(d.End) }

// Group is a declared group. DisplayName is its name in AWS, and Key becomes its externalId.
type Group struct {
	Key         string
	Pos         tree.Pos
	DisplayName string
	Description string
	// Members are the declared members, sorted by user key. Their Via is "".
	Members []GroupMember
	// Include has the nested groups. Their effective members are also members of this group.
	Include map[string]tree.Pos
	// Where selects members by their fields and attributes. Nil selects no user.
	Where *Rule
	// Previously has earlier keys of the group.
	Previously []string
}

// Member returns the declared membership of a user, or nil.
func (g *Group) Member(user string) *GroupMember {
	i, ok := slices.BinarySearchFunc(g.Members, user, func(m GroupMember, user string) int {
		return strings.Compare(m.User, user)
	})
	if !ok {
		return nil
	}
	return &g.Members[i]
}

// GroupMember is the membership of one user in a group. In a Group it is declared. In a Membership
// it is effective: of several ways to be a member it is the one that lasts longest, and of those
// the most direct.
type GroupMember struct {
	User string   // key
	Pos  tree.Pos // of the declaration
	// Via is "" for a declared member, `include "sre"` for a member of a nested group, and "where"
	// for one that a rule selects.
	Via    string
	Until  *Date // nil if the membership has no end
	Reason string
}

// Rule selects users. In each field, the user must have one of the values.
type Rule struct {
	Pos    tree.Pos
	Fields map[string][]any
}

// App is one application at the service provider: its SAML settings and the groups that may use it.
type App struct {
	Key         string
	Pos         tree.Pos
	DisplayName string
	SAML        *SAML
	Access      map[string]*Access
}

// Access is the access rule of one group for an app.
type Access struct {
	Pos      tree.Pos
	Requires string
}

// SAML declares both sides of the metadata exchange.
type SAML struct {
	Pos tree.Pos
	// ServiceProviderMetadata is the path of the file downloaded from AWS, relative to the root of
	// the configuration.
	ServiceProviderMetadata string
	// MetadataPos is the position of that path.
	MetadataPos tree.Pos
	// NameID is the field of users that the identity provider sends as NameID: "email", "userId",
	// or "attributes." followed by a custom attribute.
	NameID           string
	IdentityProvider *IdentityProvider
}

// IdentityProvider is the content of the rendered metadata. {domain} in its URLs is replaced by
// each of Domains.
type IdentityProvider struct {
	Pos                  tree.Pos
	EntityID             string
	SingleSignOnPost     string
	SingleSignOnRedirect string
	Signing              map[string]*SigningKey
	Domains              []string
	LifetimeDays         int
	CacheDuration        string
	SignMetadataWith     string
	// Uploaded is when the rendered file was last uploaded to AWS, or nil.
	Uploaded *Date
}

// Phases are the phases of a signing certificate, in order.
var Phases = []string{"next", "uploaded", "active", "previous", "retired"}

// SigningKey is one certificate of the identity provider, with a reference to its private key.
type SigningKey struct {
	Pos         tree.Pos
	Certificate string // path of a PEM file, relative to the configuration's root
	Key         *SecretRef
	Phase       string // one of Phases
	// Dates are the start dates of the phases, by name.
	Dates map[string]*Date
}

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
	Schedule     string
	Timezone     *time.Location // never nil
	Windows      map[string]*Window
	Paused       *Pause
	Deprovision  Deprovision
	Adopt        string // "never", "match", "take-over"
	Limits       map[string]*Limit
	Review       Review
	Protect      Protect
	FullRead     string
	DriftBound   time.Duration
	Rate         Rate
	Previously   []string

	identity string
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

// SecretRef refers to a secret without containing it. Exactly one field is set, apart from Pos and
// Ciphertext.
type SecretRef struct {
	Pos  tree.Pos
	Env  string
	File string
	Exec []string
	Age  string // path of an age-encrypted file below the configuration's root
	Sops *SopsRef
	AWS  *AWSRef
	// Ciphertext is the content of the file of Age or Sops. It is encrypted, and as public as the
	// repository.
	Ciphertext []byte
}

// SopsRef is a value in a file that the sops command decrypts.
type SopsRef struct{ File, Key string }

// AWSRef is a value in AWS Secrets Manager or Systems Manager Parameter Store.
type AWSRef struct{ SecretsManager, ParameterStore, Region, Key string }

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

// Assertion is a statement about effective access that must always hold. Exactly one of its forms
// is set.
type Assertion struct {
	Key    string
	Pos    tree.Pos
	Reason string
	// Disjoint: no user is in more than one of these groups.
	Disjoint []string
	// AtLeast: the group has at least this many active members.
	AtLeast *AtLeast
	// Only: a user whose mapped SCIM attribute matches Pattern must satisfy Where.
	Only *Only
}

// AtLeast requires a number of active members.
type AtLeast struct {
	Group  string
	Active int
}

// Only restricts a pattern to some users.
type Only struct {
	Attribute string // SCIM path, for example "userName"
	Pattern   string // RE2
	Where     *Rule
}

// Approval releases changes that a gate holds. Key is the digest: "sha256:" and 64 hexadecimal
// digits. "audit:" with the head of a broken audit branch, or "audit:gone", releases gate audit.
type Approval struct {
	Key     string
	Pos     tree.Pos
	Reason  string
	Expires *Date // nil: it ends 24 hours after a run first saw it
}

// Expired reports whether the declared end of an approval has passed.
func (a *Approval) Expired(now time.Time) bool { return a.Expires != nil && a.Expires.Over(now) }

// Same reports whether two declarations of an approval are the same one: an edited declaration is
// another approval.
func (a *Approval) Same(b *Approval) bool {
	end := func(a *Approval) string {
		if a.Expires == nil {
			return ""
		}
		return a.Expires.Text
	}
	return a != nil && b != nil && a.Key == b.Key && a.Reason == b.Reason && end(a) == end(b)
}
