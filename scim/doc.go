// Package scim is a client for the SCIM endpoint of AWS IAM Identity Center, and for servers that
// follow RFC 7643, RFC 7644 and RFC 9865.
//
// # Use
//
// A [Client] is a struct. Only Endpoint and Token are required:
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
// Failed calls return an [*Error], possibly wrapped. errors.Is(err, fs.ErrNotExist) and
// errors.Is(err, fs.ErrExist) match 404 and 409, and [Status] returns any other status.
// [MaybeApplied] reports a write that may have taken effect although its response was lost.
//
// # IAM Identity Center
//
// SCIM is a small protocol, but servers differ widely. This package handles these properties of IAM
// Identity Center:
//
//   - A listing without a cursor stops after one page without an error, and its totalResults counts
//     what was returned, not what exists. So every listing requests a cursor. It is complete only
//     when the server sends a page without nextCursor. [Client.Users] and [Client.Groups] yield an
//     error if a listing does not end. The objects that they yielded before the error exist. Never
//     conclude from a failed listing that an object does not exist.
//   - The members of a group are never returned. A nil [Group.Members] means unknown, not empty.
//     Read memberships with [GroupsValueEq] (the members of a group), [MembersValueEq] (the groups
//     of a user), or [Client.Memberships], which selects the one with fewer calls.
//   - Members are added and removed, never replaced, at most [MaxMembers] in one request.
//     [Client.PatchGroup] splits a larger change.
//   - The service allows 20 calls per second for all callers of an instance together. Create one
//     [Limiter] per endpoint and share it between all clients of the endpoint.
//   - A response can be lost after the write took effect. If a repeated create fails with 409, the
//     client searches for the object. The create succeeds if the object has the external id of the
//     create.
//
// # Scope
//
// The package makes no plans, keeps no state between calls and caches nothing. It does not obtain
// tokens: it calls a function for the token before each request, and never prints the token.
//
// # Sources
//
// The AWS profile follows the IAM Identity Center SCIM Developer Guide and the pages on quotas and
// troubleshooting of the User Guide. The rest follows the RFCs. Where they are silent, the client
// takes the interpretation that cannot remove access by mistake.
package scim
