package source

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// csvReader reads records from CSV (RFC 4180) with a header. Columns are named after fields.
// Columns of custom attributes begin with "attributes.", for example "attributes.department". An
// empty cell is an absent field. List values, and the keys of `previously`, are separated by
// semicolons.
type csvReader struct {
	file    *DataFile
	r       *csv.Reader
	columns []string
	// text is what r reads, and lines the number of lines before it.
	text  string
	lines int
	// members are the members of each group.
	members map[string]*tree.Builder
	// groups are in order of appearance.
	groups []tree.Field
}

// recordColumns are the columns of each kind of record. membershipColumns are the columns of files
// below groups/ with one membership per row.
var (
	recordColumns = map[string][]string{
		"users":  {"key", "userId", "firstName", "lastName", "email", "state", "validFrom", "validUntil", "previously"},
		"groups": {"key", "displayName", "description"},
	}
	membershipColumns = []string{"group", "user", "until", "reason"}
)

const attributePrefix = "attributes."

func (f *DataFile) readCSV(text string) {
	c := &csvReader{file: f}
	if !strings.Contains(text, "\n") {
		text = strings.ReplaceAll(text, "\r", "\n") // some programs end lines with CR only
	}
	separator, rest, isLine := separatorLine(text)
	if isLine {
		c.lines, text = 1, rest
	} else {
		separator = f.separator(text)
	}
	c.text, c.r = text, newCSVReader(text, separator)
	c.r.ReuseRecord = true
	header, err := c.r.Read()
	for err == nil && isBlankRow(header) {
		header, err = c.r.Read()
	}
	if err != nil {
		if !errors.Is(err, io.EOF) {
			c.reportError(err)
		}
		return
	}
	if isLine && len(header) == 1 && f.separator(text) != separator {
		c.file.reportAt(c.position(0), tree.BadColumn, "the line above names another separator than the header has",
			tree.Quote(header[0]), "correct the line that begins with sep=, or remove it")
		return
	}
	if !c.header(slices.Clone(header)) {
		return
	}
	row := c.record
	if slices.Contains(c.columns, "group") {
		row = c.membership
	}
	defer c.flush()
	for {
		cells, err := c.r.Read()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			c.reportError(err)
			return
		}
		if i := slices.IndexFunc(cells, c.isTooLong); i >= 0 {
			c.file.reportAt(c.position(i), tree.TooLarge, c.file.Limits.tooLong(), "", "")
			return
		}
		if c.fits(cells) {
			row(cells[:len(c.columns)])
		}
	}
}

// separators are the characters between cells that are recognized.
const separators = ",;\t|"

func newCSVReader(text string, separator rune) *csv.Reader {
	r := csv.NewReader(strings.NewReader(text))
	r.Comma, r.FieldsPerRecord = separator, -1
	return r
}

// separatorLine reads a first line such as "sep=;", which Excel writes and reads.
func separatorLine(text string) (separator rune, rest string, ok bool) {
	m := separatorLinePattern.FindStringSubmatch(text)
	if m == nil {
		return 0, "", false
	}
	return rune(m[1][0]), text[len(m[0]):], true
}

var separatorLinePattern = regexp.MustCompile(`^"?(?i:sep)=([,;\t|])"?[,;\t|]*\r?(?:\n|$)`)

// separator returns the character between the cells of the header: the one with which a required
// column is found.
func (f *DataFile) separator(text string) rune {
	for _, separator := range separators {
		r := newCSVReader(text, separator)
		header, err := r.Read()
		for err == nil && isBlankRow(header) {
			header, err = r.Read()
		}
		if err != nil {
			continue
		}
		for _, name := range header {
			if name = strings.TrimSpace(name); name == "key" || name == "group" && f.kind == "groups" {
				return separator
			}
		}
	}
	return ','
}

func isBlank(cell string) bool { return strings.TrimSpace(cell) == "" }

func isBlankRow(cells []string) bool {
	return !slices.ContainsFunc(cells, func(cell string) bool { return !isBlank(cell) })
}

// fits reports whether a row has a cell for each column. It reports a row with another number of
// cells, except cells without text after the last column, and a row that repeats the header. It
// skips a row without any text.
func (c *csvReader) fits(cells []string) bool {
	filled := len(cells)
	for filled > 0 && isBlank(cells[filled-1]) {
		filled--
	}
	switch {
	case filled == 0:
		return false
	case filled > len(c.columns), len(cells) < len(c.columns):
		message := fmt.Sprintf("row %d has %s, but the header has %s", c.row(), tree.Count(len(cells), "cell"),
			tree.Count(len(c.columns), "column"))
		c.file.reportAt(c.position(0), tree.SyntaxError, message, "", "write one cell for each column, and put a cell "+
			"that contains the separator between double quotes")
		return false
	case cells[0] == c.columns[0] && slices.EqualFunc(cells[:len(c.columns)], c.columns, isColumn):
		c.file.reportAt(c.position(0), tree.SyntaxError, fmt.Sprintf("row %d repeats the header", c.row()), "",
			"remove the row")
		return false
	}
	return true
}

// isColumn reports whether a cell names a column.
func isColumn(cell, column string) bool { return strings.TrimSpace(cell) == column }

// row returns the number of the last row that was read, as a spreadsheet counts: rows without any
// text count, lines within a cell do not.
func (c *csvReader) row() int {
	begin, _ := c.r.FieldPos(0)
	number := begin
	for _, at := range quotedLineEnds(c.text) {
		if at < begin {
			number--
		}
	}
	return number
}

func (c *csvReader) isTooLong(cell string) bool { return len(cell) > c.file.Limits.valueBytes }

func (c *csvReader) reportError(err error) {
	at := tree.Position{Ref: c.file.Ref, Line: 1, Col: 1}
	var parse *csv.ParseError
	if !errors.As(err, &parse) {
		c.file.reportAt(at, tree.SyntaxError, err.Error(), "", "")
		return
	}
	line, column := parse.Line, max(1, parse.Column)
	message, advice := parse.Err.Error(), ""
	switch {
	case errors.Is(parse.Err, csv.ErrBareQuote):
		message = "a double quote in a cell without double quotes"
		advice = `put the cell between double quotes, and double each double quote in it: "say ""yes"""`
	case errors.Is(parse.Err, csv.ErrQuote):
		message = "text after the closing double quote of a cell"
		advice = `double each double quote in the cell: "say ""yes"""`
		if begin := c.openQuote(line, column); begin.line != line || begin.open {
			line, column = begin.line, begin.column
			message, advice = "the double quote that begins the cell is not closed", "close it, or remove it"
		}
	}
	at.Line, at.Col = int32(line+c.lines), int32(column)
	c.file.reportAt(at, tree.SyntaxError, message, "", advice)
}

func (c *csvReader) position(i int) tree.Position {
	line, col := c.r.FieldPos(i)
	return tree.Position{Ref: c.file.Ref, Line: int32(line + c.lines), Col: int32(col)}
}

// quote is where a quoted cell begins. It is open if the cell has no end.
type quote struct {
	line, column int
	open         bool
}

// openQuote returns the quote that begins the last quoted cell up to a position.
func (c *csvReader) openQuote(line, column int) quote {
	var last quote
	at := quote{line: 1, column: 1}
	for i := 0; i < len(c.text); i++ {
		switch doubled := last.open && strings.HasPrefix(c.text[i:], `""`); {
		case c.text[i] == '\n':
			at.line, at.column = at.line+1, 0
		case doubled:
			i, at.column = i+1, at.column+1
		case c.text[i] == '"' && last.open:
			last.open = false
		case c.text[i] == '"':
			if at.line > line || at.line == line && at.column >= column {
				return last
			}
			last = quote{at.line, at.column, true}
		}
		at.column++
	}
	return last
}

// quotedLineEnds returns the lines, from 1, that end within a quoted cell.
func quotedLineEnds(text string) (lines []int) {
	line, quoted := 1, false
	for i := range len(text) {
		switch text[i] {
		case '"':
			quoted = !quoted
		case '\n':
			if quoted {
				lines = append(lines, line)
			}
			line++
		}
	}
	return lines
}

// header checks the columns. It returns false if the file cannot be read with them.
func (c *csvReader) header(columns []string) bool {
	if limit := c.file.Limits.columns; len(columns) > limit {
		c.file.reportAt(c.position(limit), tree.BadColumn, fmt.Sprintf("more than %d columns", limit), "", "")
		return false
	}
	for i := range columns {
		columns[i] = strings.TrimSpace(columns[i])
	}
	c.columns = columns
	known, required := recordColumns[c.file.kind], "key"
	if c.file.kind == "groups" && slices.Contains(columns, "group") {
		known, required = membershipColumns, "user"
	}
	if !slices.ContainsFunc(columns, func(name string) bool { return c.isNear(name, known) }) {
		c.file.reportAt(c.position(0), tree.BadColumn, "the first row is not a header", tree.Quote(columns[0]),
			"known columns: "+strings.Join(known, ", "))
		return false
	}
	valid, misspelled := true, false
	for i, name := range columns {
		switch {
		case name == "": // a column without name must have no text
			continue
		case slices.Contains(columns[:i], name):
			c.file.reportAt(c.position(i), tree.BadColumn, "duplicate column", tree.Quote(name), "")
		case slices.Contains(known, name), c.isAttribute(name):
			continue
		default:
			advice := "known columns: " + strings.Join(known, ", ")
			if c.file.kind == "users" {
				advice += ", " + attributePrefix + "..."
			}
			advice = tree.Suggestion(name, known, advice)
			misspelled = misspelled || advice == tree.Suggestion(name, []string{required}, "")
			c.file.reportAt(c.position(i), tree.BadColumn, "unknown column", tree.Quote(name), advice)
		}
		valid = false
	}
	switch {
	case slices.Contains(columns, required):
	case misspelled:
		return false
	default:
		c.file.reportAt(c.position(0), tree.BadColumn, "missing column "+tree.Quote(required), "",
			"known columns: "+strings.Join(known, ", "))
		return false
	}
	return valid
}

// isNear reports whether a column is a known one, or probably a misspelled one.
func (c *csvReader) isNear(name string, known []string) bool {
	return slices.Contains(known, name) || tree.Suggestion(name, known, "") != "" || c.isAttribute(name)
}

// isAttribute reports whether a column is that of a custom attribute.
func (c *csvReader) isAttribute(column string) bool {
	attribute, ok := strings.CutPrefix(column, attributePrefix)
	return ok && attribute != "" && c.file.kind == "users"
}

func (c *csvReader) record(cells []string) {
	arena := c.file.Arena
	fields := arena.NewFieldStack()
	var custom []tree.Field
	var key *tree.Node
	for i, text := range cells {
		name := c.columns[i]
		at := c.position(i)
		attribute, isCustom := strings.CutPrefix(name, attributePrefix)
		switch {
		case name == "key":
			key = arena.Node(tree.String, at, text)
		case text == "":
		case name == "":
			c.reportUnnamed(i, text)
		case name == "previously":
			fields.Add(tree.Field{Name: name, At: at, Value: keysOfCell(text, at)})
		case isCustom:
			cell := arena.Node(tree.String, at, text)
			parseCell(cell, c.file.Types[attribute])
			custom = append(custom, tree.Field{Name: attribute, At: at, Value: cell})
		default:
			fields.Add(tree.Field{Name: name, At: at, Value: arena.Node(tree.String, at, text)})
		}
	}
	if custom != nil {
		attributes := arena.Node(tree.Struct, custom[0].At, "")
		attributes.Fields = custom
		fields.Add(tree.Field{Name: "attributes", At: attributes.At, Value: attributes})
	}
	n := arena.Node(tree.Struct, c.position(0), "")
	n.Fields = fields.End()
	c.file.addRecord(key.Text, key.At, n)
	c.file.resetArena()
}

// membership adds one member to one group.
func (c *csvReader) membership(cells []string) {
	member := c.file.Arena.Node(tree.Struct, c.position(0), "")
	var group, user tree.Field
	for i, text := range cells {
		at := c.position(i)
		switch name := c.columns[i]; {
		case name == "group":
			group = tree.Field{Name: text, At: at}
		case name == "user":
			user = tree.Field{Name: text, At: at, Value: member}
			member.At = at
		case name == "" && text != "":
			c.reportUnnamed(i, text)
		case text != "":
			value := c.file.Arena.Node(tree.String, at, text)
			member.Fields = append(member.Fields, tree.Field{Name: name, At: at, Value: value})
		}
	}
	b := c.members[group.Name]
	if b == nil {
		b = tree.NewBuilder(user.At, 0)
		if c.members == nil {
			c.members = map[string]*tree.Builder{}
		}
		c.members[group.Name] = b
		members := tree.Field{Name: "members", At: user.At, Value: b.Node}
		group.Value = &tree.Node{Kind: tree.Struct, At: group.At, Fields: []tree.Field{members}}
		c.groups = append(c.groups, group)
	}
	if have := b.Lookup(user.Name); have != nil && !have.Value.Equal(user.Value) {
		c.file.Report(memberConflict(user, have))
		return
	}
	b.Add(user, c.file.Conflict)
}

// reportUnnamed reports a cell with text in a column without name.
func (c *csvReader) reportUnnamed(i int, text string) {
	if strings.TrimSpace(text) != "" {
		c.file.reportAt(c.position(i), tree.BadColumn, "the cell is in a column without name", tree.Quote(text),
			"name the column in the header, or clear the cell")
	}
}

// flush yields the groups of a membership file.
func (c *csvReader) flush() {
	for _, g := range c.groups {
		c.file.Yield("groups", g)
	}
}

// keysOfCell returns a struct with the keys in a cell, each with an empty value.
func keysOfCell(text string, at tree.Position) *tree.Node {
	n := &tree.Node{Kind: tree.Struct, At: at}
	for part := range strings.SplitSeq(text, ";") {
		empty := &tree.Node{Kind: tree.Struct, At: at}
		n.Fields = append(n.Fields, tree.Field{Name: strings.TrimSpace(part), At: at, Value: empty})
	}
	return n
}

// parseCell converts the text of a cell to a value of a type. Text that does not parse stays a
// string, which the schema then rejects.
func parseCell(n *tree.Node, typ string) {
	text := n.Text
	switch typ {
	case "bool":
		if text == "true" || text == "false" {
			n.Kind = tree.Bool
		}
	case "int":
		if decimalInt(text) {
			if n.Kind = tree.Int; text == "-0" {
				n.Text = "0"
			}
		}
	case "strings":
		n.Kind, n.Text = tree.List, ""
		for part := range strings.SplitSeq(text, ";") {
			element := &tree.Node{Kind: tree.String, At: n.At, Text: strings.TrimSpace(part)}
			n.Fields = append(n.Fields, tree.Field{At: n.At, Value: element})
		}
	}
}
