// Package app connects the parts of roster for its commands: repositories, signatures, credentials,
// directories, the forge, the daemon with its HTTP server, and the simulator.
//
// [Settings] hold what applies to every command. A [RepositoryConfig] locates the declarations
// and the audit branch; [Open] turns it into a [Workspace]. A workspace has a [Source], which
// loads the declarations of commits, a recorder of the audit branch, and [Directories], which
// connect to SCIM endpoints. [Evidence] is an audit branch that is only read. [Server] is the
// daemon.
//
// Package app makes no decision about users or access: package reconcile does. It parses no flags
// and prints nothing: the commands do, and only they import it.
package app
