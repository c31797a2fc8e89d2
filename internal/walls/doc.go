// Package walls holds no code, only the test that guards what each package of
// roster may import, with the reason for each wall. It knows direct imports of
// code that is not a test; what an import pulls in behind it, it does not know.
package walls
