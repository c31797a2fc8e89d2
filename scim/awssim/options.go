package awssim

import (
	"cmp"
	"time"
)

// Options decide what AWS does not document. Every zero value is the stricter answer, the one that a client has more trouble
// with, so that a client which passes need not hope. None but Throttle, Latency, Seed and the quotas touches the rfc profile.
type Options struct {
	// Throttle is how many calls are let through. AWS documents 20 a second over the whole instance; burst and
	// Retry-After are not known.
	Throttle Throttle
	// Latency is how long an answer takes.
	Latency Latency
	// Seed makes ids, faults at a rate and latencies repeatable. 0 takes a random one.
	Seed uint64

	// MaxUsers and MaxGroups are the quotas of the directory; 0 is AWS's 100,000 each.
	MaxUsers, MaxGroups int
	// QuotaStatus answers a create beyond a quota; 0 is 400. The Identity Store API says ServiceQuotaExceededException;
	// what SCIM makes of it is not known.
	QuotaStatus int

	// ActiveByDefault makes a user active who was created without the attribute. Not documented; the examples suggest
	// inactive.
	ActiveByDefault bool
	// PutKeepsOmitted lets PUT keep externalId and active where the body leaves them out. The guide says that a user is
	// "overwritten", so the zero value clears the first and takes the default for the second.
	PutKeepsOmitted bool
	// RequireEmail refuses users without an email address. The list of required attributes does not name it, so the
	// zero value does not.
	RequireEmail bool
	// AllowSpecialChars allows the characters <>;:% in names. Older guides forbid them and users saw them refused; today's
	// service model allows all punctuation.
	AllowSpecialChars bool

	// CaseSensitiveNames lets two names that differ in case only exist side by side: userName, email, displayName and
	// externalId.
	CaseSensitiveNames bool
	// FilterIgnoresCase compares the values of filters without case.
	FilterIgnoresCase bool
	// UnknownGroupStatus answers a listing of users filtered by a group that does not exist; 0 is 200 with an empty list,
	// since 404 is not among ListUsers' documented errors.
	UnknownGroupStatus int

	// ClampCount takes the nearest count that is allowed for one out of 1 to 100; the zero value answers 400.
	ClampCount bool
	// CountMayChange allows another count with the next cursor; the zero value answers 400.
	CountMayChange bool
	// CursorLifetime is how long a cursor is good for; 0 is five minutes.
	CursorLifetime time.Duration

	// PutGroupStatus answers PUT /Groups/{id}, which does not exist; 0 is 400.
	PutGroupStatus int
	// UnsupportedStatus answers other methods that a path does not have; 0 is 400.
	UnsupportedStatus int

	// MemberPathFilter accepts the RFC's path members[value eq "..."] in a PATCH of a group.
	MemberPathFilter bool
	// UnknownMemberStatus answers a member that does not exist: 0 is 404 in PATCH and 400 in POST; 204 ignores it.
	UnknownMemberStatus int
	// RejectNonMember answers 400 to the removal of somebody who is no member; the zero value ignores it, as clients in
	// use expect.
	RejectNonMember bool
	// RemoveAllMembers allows one request to remove every member of a group of two or more by id. The guide says that
	// removing all memberships in a single request is refused; whether that means this too is not known.
	RemoveAllMembers bool
	// PartialPatch leaves the operations before a failed one in effect. In 2024 a refused request was seen to have had
	// an effect.
	PartialPatch bool
	// LegacyMemberReplace makes the aws profile answer the replacement of members as the service did in April 2024; the
	// aws-2024 profile always does.
	LegacyMemberReplace bool

	// AllowMissingUserAgent accepts PATCH without the header User-Agent, which the service was reported to refuse.
	AllowMissingUserAgent bool
	// PlainErrors answers 401, 403, 429 and 500 as a gateway would, with {"message": "..."} and no SCIM.
	PlainErrors bool
	// IDPrefix is the identity store id without "d-", ten hexadecimal digits, which stands before each id as
	// "<prefix>-<UUID>". Both forms exist; recent ids have none.
	IDPrefix string
}

// Throttle is a token bucket over all callers. The zero value is AWS's documented 20 calls a second, with a burst of one
// second's worth; in the rfc profile it is no limit.
type Throttle struct {
	Unlimited  bool
	PerSecond  float64       // 0: 20
	Burst      int           // calls at once from rest; 0: PerSecond, at least 1
	RetryAfter time.Duration // sent as Retry-After in whole seconds, rounded up; 0: no such header
}

func (o Options) cursorLifetime() time.Duration { return cmp.Or(o.CursorLifetime, 5*time.Minute) }
