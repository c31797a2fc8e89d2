// Package oauth is an OAuth 2.0 client (RFC 6749) for programs without a user. It supports the
// client credentials grant and the authorization code grant. For the latter, a user authorizes the
// client once in a browser (PKCE, RFC 7636; loopback redirection, RFC 8252).
//
// Access tokens are renewed before they expire. A rotated refresh token is stored on disk,
// encrypted, before its access token is used. Processes that share a store take a lock to renew,
// because many servers treat a refresh token that is used twice as stolen.
//
// One failure cannot be prevented: if the machine crashes after the server's response and before
// the write, the new refresh token is lost. Unless the server has a grace period, a user must
// authorize again.
//
// If errors.Is(err, ErrNeedsAuthorization), a retry does not help: a user must authorize again or
// correct the client. Errors never contain a token, a code or a client secret.
package oauth
