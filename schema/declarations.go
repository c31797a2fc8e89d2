package schema

import (
	"slices"
	"strings"
	"time"
)

// Declarations is one commit's whole configuration, checked: every reference resolves, every mapped user is one that AWS takes.
// It is immutable after Load and may be read concurrently.
type Declarations struct {
	// Timezone is where a bare date begins and ends. Never nil; UTC unless declared.
	Timezone       *time.Location
	AttributeTypes map[string]*AttributeType
	Users          map[string]*User
	Groups         map[string]*Group
	Mappings       map[string]*Mapping
	Apps           map[string]*App
	Provisioners   map[string]*Provisioner
	Assertions     map[string]*Assertion
	Approvals      map[string]*Approval

	// Warnings are the findings that do not make the configuration invalid, sorted by position.
	Warnings Problems
}

// Pos is where a declaration stands: a path relative to the configuration's root, with line and column from 1.
type Pos struct {
	File         string
	Line, Column int
}

// AttributeType declares one custom attribute of users.
type AttributeType struct {
	Key string
	Pos Pos
	// Type is "string", "bool", "int" or "strings".
	Type string
	// Redact keeps the attribute's values out of reports, pages and comments.
	Redact bool
}

// UserState says whether a person may work.
type UserState string

// The states of a user. Locked and inactive people keep their memberships and are inactive in AWS.
const (
	Active   UserState = "ACTIVE"
	Locked   UserState = "LOCKED"
	Inactive UserState = "INACTIVE"
)

// User is one person. Key is the stable identity: it becomes the SCIM externalId, is never reused and never renamed.
type User struct {
	Key                                string
	Pos                                Pos
	UserID, FirstName, LastName, Email string
	State                              UserState
	// Attributes holds string, bool, int64 or []string, as AttributeTypes says.
	Attributes map[string]any
	ValidFrom  *Date
	ValidUntil *Date
}

// Date is a day in the repository's timezone, or an instant. Both of its ends are inclusive.
type Date struct {
	Text       string    // as declared
	Start, End time.Time // a day: its midnight and the next one; an instant: the same moment twice
}

// Begun reports whether the date has come at now.
func (d *Date) Begun(now time.Time) bool { return !now.Before(d.Start) }

// Over reports whether the date has passed at now.
func (d *Date) Over(now time.Time) bool { return !now.Before(d.End) }

// Group is a declared group. DisplayName is its name in AWS; Key becomes its externalId.
type Group struct {
	Key         string
	Pos         Pos
	DisplayName string
	Description string
	// Members are sorted by user key.
	Members []GroupMember // as declared, each with Via ""
	// Include names nested groups whose effective members belong to this one too.
	Include map[string]Pos
	// Where selects members by their fields and attributes; nil selects nobody.
	Where *Rule
	// Previously holds earlier keys of the group.
	Previously []string
}

// Member returns the declared membership of a user, or nil.
func (g *Group) Member(user string) *GroupMember {
	i, ok := slices.BinarySearchFunc(g.Members, user, func(m GroupMember, user string) int { return strings.Compare(m.User, user) })
	if !ok {
		return nil
	}
	return &g.Members[i]
}

// GroupMember is one user's membership in a group: one that is declared, or, in a Membership, the way that lasts longest of those that lead to it, and of
// those the most direct.
type GroupMember struct {
	User string // key
	Pos  Pos    // of the declaration
	// Via is "" for a declared member, `include "sre"` for one of a nested group, "where" for one that a rule selects.
	Via    string
	Until  *Date // nil if the membership has no end
	Reason string
}

// Rule selects users: each field must have one of the values.
type Rule struct {
	Pos    Pos
	Fields map[string][]any
}

// App is one application at the service provider: its SAML side and who may use it.
type App struct {
	Key         string
	Pos         Pos
	DisplayName string
	SAML        *SAML
	Access      map[string]*Access
}

// Access is the resource rule of one group for an app.
type Access struct {
	Pos      Pos
	Requires string
}

// SAML declares both sides of the metadata exchange.
type SAML struct {
	Pos Pos
	// ServiceProviderMetadata is the path of the file downloaded from AWS, relative to the configuration's root.
	ServiceProviderMetadata string
	// MetadataPos is where that path stands.
	MetadataPos Pos
	// NameID is the field of a user that the identity provider sends as NameID: "email", "userId" or "attributes." and a custom attribute.
	NameID           string
	IdentityProvider *IdentityProvider
}

// IdentityProvider is what the rendered metadata says. {domain} in its URLs stands for each of Domains.
type IdentityProvider struct {
	Pos                  Pos
	EntityID             string
	SingleSignOnPost     string
	SingleSignOnRedirect string
	Signing              map[string]*SigningKey
	Domains              []string
	LifetimeDays         int
	CacheDuration        string
	SignMetadataWith     string
	// Uploaded is when the rendered file was last uploaded to AWS; nil if it is not said.
	Uploaded *Date
}

// Phases are those of a signing certificate, in the order in which it passes through them.
var Phases = []string{"next", "uploaded", "active", "previous", "retired"}

// SigningKey is one certificate of the identity provider and the reference to its private key.
type SigningKey struct {
	Pos         Pos
	Certificate string // path of a PEM file, relative to the configuration's root
	Key         *SecretRef
	Phase       string // one of Phases
	// Dates says when each phase began, by its name.
	Dates map[string]*Date
}

// Provisioner connects declarations to one tenant of AWS IAM Identity Center.
type Provisioner struct {
	Key     string
	Pos     Pos
	Enabled bool
	App     string
	Mapping string
	// Groups selects who is in scope; nil means everybody (AllUsers).
	Groups      []string
	GroupsPos   Pos
	AllUsers    bool
	PushGroups  bool
	Endpoint    string
	EndpointPos Pos
	Auth        Auth
	// TokenExpires is the declared end of the SCIM token's life; AWS gives it a year.
	TokenExpires *Date
	Schedule     string
	Timezone     *time.Location // never nil
	Windows      map[string]*Window
	Paused       *Pause
	Deprovision  Deprovision
	Adopt        string // "never", "match", "take-over"
	Limits       map[string]*Limit
	Review       string // "off", "required"
	Protect      Protect
	FullRead     string
	DriftBound   time.Duration
	Rate         Rate
	Previously   []string

	identity string
}

// Auth says how a provisioner authenticates: exactly one field is set.
type Auth struct {
	Token  *SecretRef
	OAuth2 *OAuth2
}

// OAuth2 declares an OAuth 2.0 grant (RFC 6749).
type OAuth2 struct {
	Pos          Pos
	Grant        string // "clientCredentials", "authorizationCode"
	TokenURL     string
	AuthorizeURL string
	ClientID     string
	ClientSecret *SecretRef
	Scopes       []string
}

// SecretRef names a secret without holding it: exactly one of the fields but Pos and Sealed is set.
type SecretRef struct {
	Pos  Pos
	Env  string
	File string
	Exec []string
	Age  string // path of an age-encrypted file below the configuration's root
	Sops *SopsRef
	AWS  *AWSRef
	// Sealed is what the file of Age or Sops holds: encrypted, and so as public as the repository.
	Ciphertext []byte
}

// SopsRef is a value in a file that the sops command decrypts.
type SopsRef struct{ File, Key string }

// AWSRef is a value in AWS Secrets Manager or Systems Manager Parameter Store.
type AWSRef struct{ SecretsManager, ParameterStore, Region, Key string }

// Window is a time in which a provisioner may write.
type Window struct {
	Pos      Pos
	Days     []string
	From, To string // "15:04" in the provisioner's timezone
}

// Pause stops a provisioner: nothing at all is sent.
type Pause struct {
	Pos    Pos
	Reason string
	Until  *Date
}

// Deprovision says what becomes of people who leave the scope.
type Deprovision struct {
	Mode            string // "deactivate", "delete", "keep"
	DeleteAfterDays *int
}

// Limit tunes one gate, or turns it off with a reason.
type Limit struct {
	Pos     Pos
	Min     *int
	Percent *float64
	Max     *int
	Off     bool
	Reason  string
}

// Protect names objects whose changes are always held.
type Protect struct {
	Users  map[string]Pos
	Groups map[string]Pos
}

// Rate bounds the calls to an endpoint. PerSecond 0 is unlimited, which only loopback endpoints may have.
type Rate struct {
	PerSecond   float64
	Concurrency int
}

// Assertion is a statement about effective access that must always hold. Exactly one of the forms is set.
type Assertion struct {
	Key    string
	Pos    Pos
	Reason string
	// Disjoint: nobody is in more than one of these groups.
	Disjoint []string
	// AtLeast: the group has at least this many active members.
	AtLeast *AtLeast
	// Only: whoever's mapped SCIM attribute matches Pattern must satisfy Where.
	Only *Only
}

// AtLeast demands a number of active members.
type AtLeast struct {
	Group  string
	Active int
}

// Only demands that a pattern belongs to some users alone.
type Only struct {
	Attribute string // SCIM path, for example "userName"
	Pattern   string // RE2
	Where     *Rule
}

// Approval releases changes that a gate holds. Key is the digest, "sha256:" and 64 hexadecimal digits.
type Approval struct {
	Key     string
	Pos     Pos
	Reason  string
	Expires *Date
}
