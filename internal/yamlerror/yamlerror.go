// Package yamlerror says in words what is wrong with a text in YAML, and what would be right. The
// library's own messages are in the words of its parser and of Go.
package yamlerror

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Problem is one thing that is wrong. Line counts from 1; 0 means that the library does not say it.
// Advice may be empty.
type Problem struct {
	Line            int
	Message, Advice string
}

// Problems returns what an error of the library says about a text.
func Problems(text string, err error) []Problem {
	var kinds *yaml.TypeError
	if !errors.As(err, &kinds) {
		p := syntaxProblem(strings.TrimPrefix(err.Error(), "yaml: "))
		last := strings.Count(strings.TrimRight(text, "\r\n"), "\n") + 1
		p.Line = min(p.Line, last) // the library may name the end of the text
		return []Problem{p}
	}
	var out []Problem
	for _, message := range kinds.Errors {
		out = append(out, kindProblem(message))
	}
	return out
}

// Explain returns an error with one line for each problem, which begins with the name of the file
// and the line. Without a name, it begins with "line" and its number.
func Explain(file, text string, err error) error {
	var out []error
	for _, p := range Problems(text, err) {
		at, message := file, p.Message
		switch {
		case file == "" && p.Line > 0:
			at = fmt.Sprintf("line %d: ", p.Line)
		case p.Line > 0:
			at = fmt.Sprintf("%s:%d: ", file, p.Line)
		case file != "":
			at += ": "
		}
		if p.Advice != "" {
			message += "; " + p.Advice
		}
		out = append(out, errors.New(at+message))
	}
	return errors.Join(out...)
}

// linePattern matches the start of a message with a line.
var linePattern = regexp.MustCompile(`(?s)^line (\d+): (.*)$`)

// splitLine returns the line of a message, 0 without one, and the rest.
func splitLine(text string) (int, string) {
	m := linePattern.FindStringSubmatch(text)
	if m == nil {
		return 0, text
	}
	line, _ := strconv.Atoi(m[1])
	return line, m[2]
}

// quoteAdvice is for signs with a meaning in YAML that text often has.
const quoteAdvice = "put the text between single quotes if it is not meant as YAML"

// syntax has the words for messages of the parser, by a part of the message. The first that is in a
// message counts.
var syntax = []struct{ part, message, advice string }{
	{"mapping values are not allowed", "a colon where no value may begin",
		"align the keys, and put text that contains a colon and a space between quotes"},
	{"mapping keys are not allowed", "a key where none may begin", "begin a new line, indented as the keys above"},
	{"block sequence entries are not allowed", "an item of a list where none may begin",
		"begin a new line with the dash, or " + quoteAdvice},
	{"expected key", "want a key, indented as the keys above", "align the lines, or close the quotes above"},
	{"expected '-' indicator", "want an item of the list, indented as the items above", "begin it with a dash"},
	{"expected ',' or ']'", "the list that begins with [ has no comma between two items, or no end",
		"write a comma between the items, and ] after the last"},
	{"expected ',' or '}'", "the mapping that begins with { has no comma between two keys, or no end",
		"write a comma between the keys, and } after the last"},
	{"expected node content", "want a value", "write one, or remove the sign before it"},
	{"expected ':'", "want a key, a colon and a value", "write it like `key: value`"},
	{"cannot start any token", "a tab, @, ` or % where a value or key begins",
		"indent with spaces, and put text that begins with such a sign between quotes"},
	{"tab character", "a tab in the indentation", "indent with spaces"},
	{"unknown escape character", "a backslash between double quotes, before a character that has no such meaning",
		"write two backslashes, or use single quotes"},
	{"hexdecimal", "want hexadecimal digits after the backslash", "write two backslashes, or use single quotes"},
	{"escape code", "the digits after the backslash stand for no character",
		"write two backslashes, or use single quotes"},
	{"end of stream", "the quote that begins the text is not closed", "close it"},
	{"document indicator", "a line of --- or ... in a text between quotes", "close the quote, or indent the line"},
	{"excessive aliasing", "the aliases stand for too many values", "write the values"},
	{"contains itself", "an anchor is used in its own value", "write the value"},
	{"max depth", "the values are nested too deeply", "write them with less nesting"},
	{"alphabetic or numeric", "want a name after & or *", quoteAdvice},
	{"tag", "the sign ! begins a tag, which is not valid", quoteAdvice},
	{"non-alphabetical", "the sign % begins a directive of YAML, which is not valid", quoteAdvice},
	{"whitespace", "the sign ! begins a tag, which is not valid", quoteAdvice},
	{"digit or '.'", "the directive %YAML names no version that is known", "remove the line"},
	{"URI", "the sign ! begins a tag, which is not valid", quoteAdvice},
	{"'>'", "the sign ! begins a tag, which is not valid", quoteAdvice},
	{"incompatible", "the directive %YAML names no version that is known", "remove the line"},
	{"'!'", "the sign ! begins a tag, which is not valid", quoteAdvice},
	{"directive", "the sign % begins a directive of YAML, which is not valid", quoteAdvice},
	{"version", "the directive %YAML names no version that is known", "remove the line"},
	{"indentation indicator", "the sign | or > has an indentation of 0", "write a number from 1 to 9, or none"},
	{"comment or line break", "text on the line of the sign | or >",
		"begin the text on the next line, or " + quoteAdvice},
	{"<document start>", "text after the end of the value", "keep one value, such as one mapping or one list"},
	{"control characters", "a control character", `write it between double quotes, such as "\t"`},
	{"UTF-8", "the text is not UTF-8", "save it as UTF-8"},
	{"Unicode", "a character that is not valid in Unicode", "remove it"},
	{"surrogate", "a character that is not valid in Unicode", "remove it"},
	{"base64", "the value of !!binary is not base64", "correct it, or remove the tag"},
	{"map merge", "want a mapping after <<, or a list of mappings", "write the keys instead"},
	{"invalid map key", "a key that is a mapping or a list", "write text as the key"},
}

// anchorPattern matches the message for an alias without an anchor.
var anchorPattern = regexp.MustCompile(`^unknown anchor '(.*)' referenced$`)

// fromParser matches the messages whose line counts from 0: those of the library's parser. Those of
// its scanner count from 1. Neither has a line if it is the first.
var fromParser = regexp.MustCompile(`expected (key|'-' indicator|',' or|node content|<)|tag handle|duplicate %|` +
	`incompatible YAML`)

func syntaxProblem(text string) Problem {
	line, text := splitLine(text)
	if m := anchorPattern.FindStringSubmatch(text); m != nil {
		return Problem{line, fmt.Sprintf("there is no anchor &%s for *%[1]s", m[1]), quoteAdvice}
	}
	if fromParser.MatchString(text) || line == 0 {
		line++
	}
	for _, s := range syntax {
		if strings.Contains(text, s.part) {
			return Problem{line, s.message, s.advice}
		}
	}
	return Problem{line, "the text is not valid YAML", ""}
}

// Messages about values of another kind than the program wants.
var (
	kindPattern      = regexp.MustCompile("(?s)^cannot unmarshal (!!?[^ ]*)(?: `.*`)? into (.*)$")
	fieldPattern     = regexp.MustCompile(`(?s)^field (.*) not found in type `)
	twicePattern     = regexp.MustCompile(`(?s)^field (.*) already set in type `)
	duplicatePattern = regexp.MustCompile(`(?s)^mapping key (".*") already defined at line (\d+)$`)
)

// kindProblem leaves out the value: it may be a secret.
func kindProblem(text string) Problem {
	line, text := splitLine(text)
	if m := kindPattern.FindStringSubmatch(text); m != nil {
		return Problem{line, fmt.Sprintf("want %s, not %s", goKind(m[2]), yamlKind(m[1])), ""}
	}
	if m := fieldPattern.FindStringSubmatch(text); m != nil {
		return Problem{line, fmt.Sprintf("unknown setting %q", m[1]), "correct its name, or remove it"}
	}
	if m := twicePattern.FindStringSubmatch(text); m != nil {
		return Problem{line, fmt.Sprintf("%q is set twice", m[1]), "keep one"}
	}
	if m := duplicatePattern.FindStringSubmatch(text); m != nil {
		return Problem{line, fmt.Sprintf("%s is set twice, first on line %s", m[1], m[2]), "keep one"}
	}
	return Problem{line, "the value is of another kind than wanted", ""}
}

// yamlKind names the kind of a value by its tag.
func yamlKind(tag string) string {
	switch tag {
	case "!!map":
		return "a mapping"
	case "!!seq":
		return "a list"
	case "!!str":
		return "text"
	case "!!int", "!!float":
		return "a number"
	case "!!bool":
		return "true or false"
	case "!!timestamp":
		return "a date"
	case "!!null":
		return "nothing"
	}
	return "a value with a tag of its own"
}

// goKind names the kind of a value that a type of Go needs.
func goKind(kind string) string {
	kind = strings.TrimLeft(kind, "*")
	switch {
	case strings.HasPrefix(kind, "[]"):
		return "a list"
	case kind == "string":
		return "text"
	case kind == "bool":
		return "true or false"
	case kind == "time.Duration":
		return "a duration such as 5m"
	case strings.HasPrefix(kind, "int"), strings.HasPrefix(kind, "uint"):
		return "a whole number"
	case strings.HasPrefix(kind, "float"):
		return "a number"
	}
	return "a mapping"
}
