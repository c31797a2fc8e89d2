package web

import (
	"bytes"
	"net/http"

	"github.com/seed-d64a251c/roster/internal/output"
	"github.com/seed-d64a251c/roster/internal/web/page"
)

// sheetPage is a page whose rows are also served as CSV.
type sheetPage interface {
	page.Page
	Sheet() page.Sheet
}

// showList writes a page, or with the parameter format=csv its rows. A file has the rows of one
// page, and the address of the following rows is in the header Link.
func showList(w http.ResponseWriter, r *http.Request, code int, p sheetPage, next string) {
	if r.URL.Query().Get("format") != "csv" || code != http.StatusOK {
		show(w, code, p)
		return
	}
	var b bytes.Buffer
	if err := output.WriteCSV(&b, p.Sheet()); err != nil { // not possible: a buffer takes everything
		http.Error(w, "the file cannot be written", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="roster.csv"`)
	if next != "" {
		h.Set("Link", "<"+next+`&format=csv>; rel="next"`)
	}
	_, _ = w.Write(b.Bytes()) // an error means that the client has disconnected
}

// nextOf returns the address of the next page; "" if there is none.
func nextOf(cursor string, address func() string) string {
	if cursor == "" {
		return ""
	}
	return address()
}
