package output

import (
	"encoding/csv"
	"io"
	"strings"
	"unicode/utf8"
)

// WriteCSV writes records as CSV (RFC 4180) for spreadsheets.
func WriteCSV(w io.Writer, records [][]string) error {
	c := csv.NewWriter(w)
	for _, record := range records {
		cells := make([]string, len(record))
		for i, value := range record {
			cells[i] = cell(value)
		}
		if err := c.Write(cells); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}

// formulaSigns begin a formula, some of them only in some languages of a spreadsheet. Spreadsheets
// skip spaces before them. Line shows tabs and line ends, which they skip too.
const formulaSigns = "=+-@＝＋－＠"

// cell returns a value as a cell. An apostrophe before a value that would be a formula makes it
// text.
func cell(value string) string {
	value = Line(value)
	first, _ := utf8.DecodeRuneInString(strings.TrimSpace(value))
	if first != utf8.RuneError && strings.ContainsRune(formulaSigns, first) {
		return "'" + value
	}
	return value
}
