// Package browser tests the pages of the daemon in Chromium, as people see them. It is a module of
// its own, because the driver of the browser is large.
package browser
