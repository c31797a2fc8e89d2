// Package hostile reads the corpus of hostile inputs in testdata/hostile, for tests. The file
// index.yaml there lists each input with the answer that roster must give. This package makes the
// inputs, and its tests send each of them to the code that reads it in production: declarations
// and trees to the child process of package evaluator, responses to the clients, requests to the
// HTTP handlers. A test of cmd/roster sends declarations and trees to `roster check`.
package hostile
