package schema

import (
	"github.com/seed-d64a251c/roster/schema/internal/declaration"
	"github.com/seed-d64a251c/roster/schema/internal/mapping"
)

// The values of declarations. Each type has its documentation where it is declared.
type (
	// User is one user.
	User = declaration.User
	// UserState is the state of a user.
	UserState = declaration.UserState
	// Date is a day in the repository's timezone, or a point in time.
	Date = declaration.Date
	// Group is a declared group.
	Group = declaration.Group
	// GroupMember is the membership of one user in a group.
	GroupMember = declaration.GroupMember
	// Rule selects users by their fields and attributes.
	Rule = declaration.Rule
	// Membership has the members of each group at one moment.
	Membership = declaration.Membership
	// Changes are the users and groups in which two declarations differ.
	Changes = declaration.Changes
	// AttributeType declares one custom attribute of users.
	AttributeType = declaration.AttributeType
	// Attribute is one SCIM attribute of a user.
	Attribute = declaration.Attribute
	// Attributes are sorted by path, and paths are unique.
	Attributes = declaration.Attributes
	// Mapping converts a user to SCIM attributes.
	Mapping = mapping.Mapping
	// Mapped is the result of a mapping for one user.
	Mapped = mapping.Mapped

	// App is one application at the service provider.
	App = declaration.App
	// Access is the access rule of one group for an app.
	Access = declaration.Access
	// SAML declares both sides of the metadata exchange.
	SAML = declaration.SAML
	// IdentityProvider is the content of the rendered metadata.
	IdentityProvider = declaration.IdentityProvider
	// SigningKey is one certificate of the identity provider.
	SigningKey = declaration.SigningKey

	// Provisioner connects declarations to one tenant of AWS IAM Identity Center.
	Provisioner = declaration.Provisioner
	// Auth is the authentication of a provisioner.
	Auth = declaration.Auth
	// OAuth2 declares an OAuth 2.0 grant.
	OAuth2 = declaration.OAuth2
	// Review is the rule that a merge must be approved before its changes are applied.
	Review = declaration.Review
	// Window is a time in which a provisioner may write.
	Window = declaration.Window
	// Pause stops a provisioner.
	Pause = declaration.Pause
	// Deprovision is what happens to users who leave the scope.
	Deprovision = declaration.Deprovision
	// Limit tunes one gate, or turns it off with a reason.
	Limit = declaration.Limit
	// Protect has the objects whose changes are always held.
	Protect = declaration.Protect
	// Rate limits the calls to an endpoint.
	Rate = declaration.Rate

	// SecretRef refers to a secret without containing it.
	SecretRef = declaration.SecretRef
	// SopsRef is a value in a file that the sops command decrypts.
	SopsRef = declaration.SopsRef
	// AWSRef is a value in AWS Secrets Manager or Systems Manager Parameter Store.
	AWSRef = declaration.AWSRef

	// Assertion is a statement about effective access that must always hold.
	Assertion = declaration.Assertion
	// AtLeast requires a number of active members.
	AtLeast = declaration.AtLeast
	// Only restricts a pattern to some users.
	Only = declaration.Only
	// Approval releases changes that a gate holds.
	Approval = declaration.Approval

	// Partition is a partition of AWS: regions with host names of their own.
	Partition = declaration.Partition
	// ConsumerDomain is a domain of AssertionConsumerServices.
	ConsumerDomain = declaration.ConsumerDomain
)

// The states of a user. Locked and inactive users keep their memberships and are inactive in AWS.
const (
	Active   = declaration.Active
	Locked   = declaration.Locked
	Inactive = declaration.Inactive
)

// EnterpriseUser is the URN of the enterprise extension (RFC 7643 section 4.3).
const EnterpriseUser = declaration.EnterpriseUser

// RegionPattern is a regular expression of the names of AWS's regions.
const RegionPattern = declaration.RegionPattern

// Phases are the phases of a signing certificate, in order.
var Phases = declaration.Phases

// CountedGates returns the names of the gates with a limit.
func CountedGates() []string { return declaration.CountedGates() }

// Partitions returns the partitions of AWS.
func Partitions() []Partition { return declaration.Partitions() }

// EndpointHosts returns patterns of the hosts of AWS's SCIM endpoints. In each, the * stands for a
// region.
func EndpointHosts() []string { return declaration.EndpointHosts() }

// IsEndpointHost reports whether a host is that of a SCIM endpoint of AWS.
func IsEndpointHost(host string) bool { return declaration.IsEndpointHost(host) }

// ValueText returns the value of a user's field or of a rule as it is written in declarations.
func ValueText(v any) string { return declaration.ValueText(v) }
