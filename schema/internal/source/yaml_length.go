package source

import "strings"

// longYAMLValue returns the line of a value that is longer than a limit, or 0. The YAML parser
// needs much time and memory for such a value, so this is found out before. The function does not
// parse: it may overlook a long value, which the schema then rejects.
//
// A value is too long if a part of a line is that has no brackets and commas, if a block scalar is
// (after | or >, all lines that are indented further), or if the text in quotes is that begins a
// value.
func longYAMLValue(text string, limit int) int {
	s := yamlLengths{limit: limit}
	for text != "" {
		line := text
		if end := strings.IndexByte(text, '\n'); end >= 0 {
			line = text[:end+1]
		}
		text = text[len(line):]
		if s.number++; hasLongPart(line, limit) || s.next(line) {
			return s.number
		}
	}
	return 0
}

// hasLongPart reports whether a part of a line is too long. A line may have a whole document.
func hasLongPart(line string, limit int) bool {
	for len(line) > limit {
		i := strings.LastIndexAny(line[:limit+1], ",[]{}")
		if i < 0 {
			return true
		}
		line = line[i+1:]
	}
	return false
}

// yamlLengths measures the value that a line belongs to.
type yamlLengths struct {
	limit, number int
	// length is the size of the value up to this line.
	length int
	// quote is the quote that is open, or 0.
	quote byte
	// block is the indentation of the line that begins a block scalar, or -1 outside of one.
	block   int
	inBlock bool
}

// next adds a line. It reports whether the value is too long.
func (s *yamlLengths) next(line string) bool {
	content := strings.TrimSpace(line)
	indent := len(line) - len(strings.TrimLeft(line, " "))
	if s.inBlock {
		if content == "" || indent > s.block {
			s.length += len(line)
			return s.length > s.limit
		}
		s.inBlock = false
	}
	if s.quote == 0 {
		s.length = 0
		if content == "" || content[0] == '#' {
			return false
		}
		line = s.begin(line)
	}
	if s.quote != 0 {
		s.length += len(line)
		if closesQuote(line, s.quote) {
			s.quote = 0
		}
		return s.length > s.limit
	}
	if beginsBlock(content) {
		s.inBlock, s.block = true, indent
	}
	return false
}

// begin finds the value of a line outside of quotes, after the indicators of lists and keys. If it
// begins with a quote, begin opens the quote and returns the rest of the line.
func (s *yamlLengths) begin(line string) string {
	value := strings.TrimLeft(line, " ")
	for {
		after, isList := strings.CutPrefix(value, "- ")
		if !isList {
			break
		}
		value = strings.TrimLeft(after, " ")
	}
	if i := strings.Index(value, ": "); i >= 0 && value[0] != '"' && value[0] != '\'' {
		value = strings.TrimLeft(value[i+2:], " ")
	}
	if value != "" && (value[0] == '"' || value[0] == '\'') {
		s.quote = value[0]
		return value[1:]
	}
	return line
}

// closesQuote reports whether a text has the end of a quoted value.
func closesQuote(text string, quote byte) bool {
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\' && quote == '"':
			i++
		case text[i] == quote && quote == '\'' && i+1 < len(text) && text[i+1] == '\'':
			i++
		case text[i] == quote:
			return true
		}
	}
	return false
}

// beginsBlock reports whether a line ends with the indicator of a block scalar, such as | or >-.
func beginsBlock(content string) bool {
	if i := strings.Index(content, " #"); i >= 0 {
		content = strings.TrimRight(content[:i], " ")
	}
	content = strings.TrimRight(content, "+-0123456789")
	if !strings.HasSuffix(content, "|") && !strings.HasSuffix(content, ">") {
		return false
	}
	before := content[:len(content)-1]
	return before == "" || strings.HasSuffix(before, " ")
}
