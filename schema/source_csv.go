package schema

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// csvReader reads records from CSV (RFC 4180) with a header. Columns are named after fields.
// Columns of custom attributes begin with "attributes.", for example "attributes.department". An
// empty cell is an absent field. List values, and the keys of `previously`, are separated by
// semicolons.
type csvReader struct {
	file    *dataFile
	r       *csv.Reader
	columns []string
	// members are the members of each group.
	members map[string]*builder
	// groups are in order of appearance.
	groups []field
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

func (f *dataFile) readCSV(text string) {
	c := &csvReader{file: f, r: csv.NewReader(strings.NewReader(text))}
	c.r.ReuseRecord = true
	header, err := c.r.Read()
	if err != nil {
		if !errors.Is(err, io.EOF) {
			c.reportError(err)
		}
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
			c.file.reportAt(c.position(i), tooLarge, c.file.limits.tooLong(), "", "")
			return
		}
		row(cells)
	}
}

func (c *csvReader) isTooLong(cell string) bool { return len(cell) > c.file.limits.valueBytes }

func (c *csvReader) reportError(err error) {
	at := position{c.file.ref, 1, 1}
	var parse *csv.ParseError
	if errors.As(err, &parse) {
		at.line, at.col = int32(parse.Line), int32(max(1, parse.Column))
		err = parse.Err
	}
	c.file.reportAt(at, syntaxError, err.Error(), "", "")
}

func (c *csvReader) position(i int) position {
	line, col := c.r.FieldPos(i)
	return position{c.file.ref, int32(line), int32(col)}
}

// header checks the columns. It returns false if the file cannot be read with them.
func (c *csvReader) header(columns []string) bool {
	if limit := c.file.limits.columns; len(columns) > limit {
		c.file.reportAt(c.position(limit), badColumn, fmt.Sprintf("more than %d columns", limit), "", "")
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
	valid := true
	for i, name := range columns {
		switch {
		case slices.Contains(columns[:i], name):
			c.file.reportAt(c.position(i), badColumn, "duplicate column", quote(name), "")
		case slices.Contains(known, name), c.isAttribute(name):
			continue
		default:
			advice := "known columns: " + strings.Join(known, ", ")
			if c.file.kind == "users" {
				advice += ", " + attributePrefix + "..."
			}
			advice = suggestion(name, known, advice)
			c.file.reportAt(c.position(i), badColumn, "unknown column", quote(name), advice)
		}
		valid = false
	}
	if !slices.Contains(columns, required) {
		c.file.reportAt(c.position(0), badColumn, "missing column "+quote(required), "",
			"known columns: "+strings.Join(known, ", "))
		return false
	}
	return valid
}

// isAttribute reports whether a column is that of a custom attribute.
func (c *csvReader) isAttribute(column string) bool {
	attribute, ok := strings.CutPrefix(column, attributePrefix)
	return ok && attribute != "" && c.file.kind == "users"
}

func (c *csvReader) record(cells []string) {
	arena := c.file.arena
	fields := arena.newFieldStack()
	var custom []field
	var key *node
	for i, text := range cells {
		name := c.columns[i]
		at := c.position(i)
		attribute, isCustom := strings.CutPrefix(name, attributePrefix)
		switch {
		case name == "key":
			key = arena.node(stringNode, at, text)
		case text == "":
		case name == "previously":
			fields.add(field{name: name, at: at, value: keysOfCell(text, at)})
		case isCustom:
			cell := arena.node(stringNode, at, text)
			cell.parseCell(c.file.types[attribute])
			custom = append(custom, field{name: attribute, at: at, value: cell})
		default:
			fields.add(field{name: name, at: at, value: arena.node(stringNode, at, text)})
		}
	}
	if custom != nil {
		attributes := arena.node(structNode, custom[0].at, "")
		attributes.fields = custom
		fields.add(field{name: "attributes", at: attributes.at, value: attributes})
	}
	n := arena.node(structNode, c.position(0), "")
	n.fields = fields.end()
	c.file.addRecord(key.text, key.at, n)
	c.file.resetArena()
}

// membership adds one member to one group.
func (c *csvReader) membership(cells []string) {
	member := c.file.arena.node(structNode, c.position(0), "")
	var group, user field
	for i, text := range cells {
		at := c.position(i)
		switch name := c.columns[i]; {
		case name == "group":
			group = field{name: text, at: at}
		case name == "user":
			user = field{name: text, at: at, value: member}
			member.at = at
		case text != "":
			value := c.file.arena.node(stringNode, at, text)
			member.fields = append(member.fields, field{name: name, at: at, value: value})
		}
	}
	b := c.members[group.name]
	if b == nil {
		b = newBuilder(user.at, 0)
		if c.members == nil {
			c.members = map[string]*builder{}
		}
		c.members[group.name] = b
		members := field{name: "members", at: user.at, value: b.n}
		group.value = &node{kind: structNode, at: group.at, fields: []field{members}}
		c.groups = append(c.groups, group)
	}
	b.add(user, c.file.conflict)
}

// flush yields the groups of a membership file.
func (c *csvReader) flush() {
	for _, g := range c.groups {
		c.file.yield("groups", g)
	}
}

// keysOfCell returns a struct with the keys in a cell, each with an empty value.
func keysOfCell(text string, at position) *node {
	n := &node{kind: structNode, at: at}
	for part := range strings.SplitSeq(text, ";") {
		empty := &node{kind: structNode, at: at}
		n.fields = append(n.fields, field{name: strings.TrimSpace(part), at: at, value: empty})
	}
	return n
}

// parseCell converts the text of a cell to a value of a type. Text that does not parse stays a
// string, which the schema then rejects.
func (n *node) parseCell(typ string) {
	text := n.text
	switch typ {
	case "bool":
		if text == "true" || text == "false" {
			n.kind = boolNode
		}
	case "int":
		if i, err := strconv.ParseInt(text, 10, 64); err == nil {
			n.kind, n.text = intNode, strconv.FormatInt(i, 10)
		}
	case "strings":
		n.kind, n.text = listNode, ""
		for part := range strings.SplitSeq(text, ";") {
			element := &node{kind: stringNode, at: n.at, text: strings.TrimSpace(part)}
			n.fields = append(n.fields, field{at: n.at, value: element})
		}
	}
}
