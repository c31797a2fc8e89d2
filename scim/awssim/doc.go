// Package awssim answers as the SCIM endpoint of AWS IAM Identity Center does, as a strict [net/http.Handler] with a
// whole directory in memory. It exists so that a SCIM client can be tested against the service's real habits: silent
// truncation at 100 results, cursors bound to their filter, groups that never show their members, 204 on group
// changes, error bodies with a misspelt key, 20 calls a second. docs/aws-deviations.md lists each place where the
// service, and so this package, departs from RFC 7644, with the source.
//
// What AWS documents is imitated. What is unknown is an option of [Options], and its zero value is the stricter of the
// two answers: a client that pleases the simulator should please the service. Two further profiles exist:
// [ProfileAWS2024], the service before it learnt to page, and [ProfileRFC], a plain server after the RFCs.
//
// A [Server] serves the protocol. [Server.Manage] is another handler, for another listener: the directory as JSON,
// counters, faults, tokens, the clock, and changes made behind the client's back. The same is there in Go.
//
// The package knows the wire and the service's rules. It knows nothing of any client: it shares no type and no code with
// one, so that a mistake cannot be made twice in the same way.
//
// Sources: the developer guide of IAM Identity Center's SCIM API
// (https://docs.aws.amazon.com/singlesignon/latest/developerguide/what-is-scim.html), its user guide, the Identity
// Store service model for lengths and patterns, RFC 7643, RFC 7644 and RFC 9865.
package awssim
