// Package foreign runs software that roster did not write, for tests: two SCIM servers that follow
// the RFCs, a judge of PATCH bodies, and an OAuth server. A client that is tested only against a
// server by the same hand may share its mistakes.
//
//   - [Elimity]: github.com/elimity-com/scim, in process, with a store in memory.
//   - [SCIMMY]: npm scimmy and scimmy-routers, in a node process.
//   - [StartPatchValidator]: npm scim-patch, in a node process.
//   - [StartAuthServer]: npm oidc-provider, in a node process.
//
// The npm packages are installed once into the user's cache directory, at the versions and hashes
// of the lock file. A test that needs node and has none fails, it does not skip.
package foreign
