// Package importrules has no code, only tests. They check which packages each package of roster
// may import, and each rule gives its reason. A rule covers direct imports in files that are not
// tests. It does not cover the imports of the imported packages.
package importrules
