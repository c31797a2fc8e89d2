// Package scim is a client for AWS IAM Identity Center's SCIM endpoint, and for
// servers that follow RFC 7643, RFC 7644 and RFC 9865.
//
// # What it knows
//
// SCIM is a small protocol (users and groups as JSON over HTTP) with large
// differences between the servers that speak it. Those of IAM Identity Center
// decide how this package is built:
//
//   - A listing without a cursor stops silently after one page, and its
//     totalResults counts what was returned, not what exists. So every listing
//     asks for a cursor, and is complete only when the server has ended it: by a
//     page without nextCursor. [Client.Users] and [Client.Groups] yield an error
//     rather than end early; what they yielded before it is real, what they did
//     not yield is unknown. Never conclude from a failed listing that somebody
//     is absent.
//   - Members of a group are never shown. A nil [Group.Members] means unknown,
//     not empty; memberships are read with [GroupsValueEq] (the members of a
//     group) or [MembersValueEq] (the groups of a user). [Client.Memberships]
//     takes whichever costs less.
//   - Members are added and removed, never replaced, at most [MaxMembers] in one
//     request. [Client.PatchGroup] splits a larger change itself.
//   - The service allows 20 calls a second, over all callers of an instance.
//     One [Limiter] belongs to one endpoint, and is shared by everything that
//     calls it.
//   - A reply can be lost after the write took place. A create that was sent
//     twice and answers 409 is looked up, and is a success if the object that
//     is there carries our externalId.
//
// # What it does not know
//
// It does not know what a directory should look like: it plans nothing, keeps no
// state between calls, caches nothing. It does not obtain tokens; it asks a
// function for one before each request and never prints it.
//
// # Use
//
// A [Client] is a struct. Endpoint and Token are enough:
//
//	c := &scim.Client{
//		Endpoint: "https://scim.us-east-1.amazonaws.com/<tenant>/scim/v2",
//		Token:    scim.StaticToken(token),
//		Limiter:  &scim.Limiter{PerSecond: 15, Concurrency: 5},
//	}
//	for user, err := range c.Users(ctx, scim.Filter{}) {
//		if err != nil {
//			return err
//		}
//		fmt.Println(user.UserName)
//	}
//
// Errors are [*Error] underneath: errors.Is(err, fs.ErrNotExist) and
// errors.Is(err, fs.ErrExist) branch on 404 and 409, [Status] gives the rest,
// and Error.MaybeApplied says that a write may have happened although no answer
// proved it.
//
// # Sources
//
// The IAM Identity Center SCIM Developer Guide and User Guide (quotas and
// troubleshooting pages) for the AWS profile; the RFCs for the rest. Where they
// are silent the client takes the reading that cannot take access away by
// mistake.
package scim
