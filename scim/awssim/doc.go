// Package awssim simulates the SCIM endpoint of AWS IAM Identity Center. It is a strict
// [net/http.Handler] that keeps the whole directory in memory. SCIM clients are tested against it
// because the service deviates from RFC 7644. It truncates lists at 100 results without notice and
// binds a cursor to its filter. It never returns the members of a group, and answers a change of a
// group with 204. It misspells a key in error bodies, and accepts 20 calls a second.
// docs/aws-deviations.md lists each deviation with its source.
//
// Documented behavior is simulated. For unknown behavior there is an option in [Options]. The zero
// value of an option is the stricter answer, so a client that works with the simulator should work
// with the service. There are two more profiles: [ProfileAWS2024], the service before it had
// paging, and [ProfileRFC], a server that follows the RFCs.
//
// A [Server] serves the protocol. [Server.Manage] is a second handler, for a listener of its own.
// It serves the directory as JSON, counters, faults, tokens and the clock, and it changes the
// directory directly. The methods of Server offer the same to Go programs.
//
// The package shares no type and no code with a client. A shared mistake would go unnoticed.
//
// Sources: the developer guide of IAM Identity Center's SCIM API
// (https://docs.aws.amazon.com/singlesignon/latest/developerguide/what-is-scim.html), its user
// guide, the Identity Store service model for lengths and patterns, RFC 7643, RFC 7644 and RFC
// 9865.
package awssim
