// Command mutants checks the tests: it puts one defect after another into the code, and runs the
// tests that must notice it. A defect that no test notices is a gap in the tests, not in the code.
//
// The defects are in the files of the folder defects, in the format that parseDefects describes.
// The command changes no file of the repository: it gives the changed file to the go command with
// its flag -overlay. The normal tests of this package check that each defect still fits its file,
// and that its tests exist.
package main
