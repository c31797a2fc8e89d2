// Package oauth gets access tokens by OAuth 2.0 (RFC 6749), as a client that works while nobody watches: with the client credentials grant,
// or with the authorization code grant that a person goes through once (PKCE, RFC 7636; loopback redirection, RFC 8252).
//
// Access tokens are renewed before they expire. A refresh token that the server rotates is on disk, sealed, before the access token that
// came with it is used; processes that share a store take turns, because servers take a refresh token that is used twice for stolen. What
// no client can mend: if the machine dies between the server's answer and the disk, the new token is lost with it, and unless the server
// grants a grace period somebody has to authorize again.
//
// Callers branch on one thing: errors.Is(err, ErrNeedsAuthorization) means that asking again will not help, and that somebody has to act.
// Errors never hold a token, a code or a client's secret.
package oauth
