// Package sourcestyle has no code, only tests. They check how the repository is written: the width
// of lines, words that only the authors understand, references to documents that readers do not
// have, and skipped tests. They read text and tokens. They do not check types.
package sourcestyle
