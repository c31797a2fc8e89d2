// Package explainindex stores the declarations of one commit so that the facts of one user can be
// read without loading all of them: users in shards by their keys, each with the declared
// memberships and the results of the mappings; the hashes of names in shards; and groups without
// their members. Nothing is compressed: writing an index must cost little, because commands that
// have loaded the declarations write it before anybody has asked.
//
// An index is a cache. Every part has a digest, and the list of the parts has a MAC with the
// identity of the declarations. Open and the methods that read a part return an error for a file
// that is damaged, of other declarations, or of another key, and never other facts.
package explainindex
