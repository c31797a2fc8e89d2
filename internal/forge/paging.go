package forge

import (
	"fmt"
	"slices"
)

// maxPages is the number of pages that are read of one listing. A page has up to 100 entries.
const maxPages = 40

// nextPage returns the page after a page of a listing, or 0 after the last one. Next is what the
// forge says. A forge could go on forever otherwise.
func nextPage[N int | int64](page, next N) (N, error) {
	switch {
	case next == 0:
		return 0, nil
	case next <= page:
		return 0, fmt.Errorf("the forge sends page %d after page %d", next, page)
	case next > maxPages:
		return 0, fmt.Errorf("the forge has more than %d pages", maxPages)
	}
	return next, nil
}

// present returns the entries of a page without those that are null.
func present[T any](list []*T) []*T {
	return slices.DeleteFunc(list, func(entry *T) bool { return entry == nil })
}
