// Package foreign runs independent software for tests: two SCIM servers that follow the RFCs, a
// validator of PATCH bodies, and an OAuth server. If a client is tested only with a server by the
// same authors, both may have the same mistakes.
//
//   - [Elimity]: github.com/elimity-com/scim, in process, with a store in memory.
//   - [SCIMMY]: npm scimmy and scimmy-routers, in a node process.
//   - [StartPatchValidator]: npm scim-patch, in a node process.
//   - [StartAuthServer]: npm oidc-provider, in a node process.
//
// The npm packages are installed once into the user's cache directory, with the versions and hashes
// of the lock file. A test that needs node fails if node is not installed.
package foreign
