package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxRows is the number of rows that a response or page has at most.
const maxRows = 100

// The sizes of responses as JSON. A page ends when it has reached its budget, so it has at most the
// budget and one row. Pages of HTML have a smaller one, because some characters are longer there.
const (
	jsonBudget = 512 << 10
	htmlBudget = 96 << 10
	maxRow     = 64 << 10
)

// row returns a value that has at most maxRow bytes as JSON. Long lists and texts are cut. Escapes
// make a text up to six times as long in JSON, so a second attempt copies less.
func row[T any](v T) (out T, size int) { return cutTo(maxRow, v) }

// cutTo returns a value that has at most a number of bytes as JSON in a row.
func cutTo[T any](most int, v T) (out T, size int) {
	for _, left := range []int{most, most / 10} {
		c := cutter{left: left}
		out = c.cut(reflect.ValueOf(v), 0).Interface().(T)
		if b, err := json.MarshalIndent(out, rowIndent, indent); err == nil && len(b) <= most {
			return out, len(b)
		}
	}
	return out, most
}

// Responses are indented. The lines of a row are at least as deep as rowIndent.
const indent, rowIndent = "  ", "      "

// maxText is the number of bytes of a text in a row.
const maxText = 4000

// maxElements are the numbers of elements of a list in a row, of a list in its elements, and so on.
var maxElements = []int{maxRows, 10, 3, 0}

// cutter copies a row, and stops when nothing is left of its size. left is an estimate in bytes.
type cutter struct{ left int }

// elementCost is the estimated size of an element of a list, without its texts and lists.
const elementCost = 50

// cut copies a value. depth is the number of lists that it is in.
func (c *cutter) cut(v reflect.Value, depth int) reflect.Value {
	switch v.Kind() {
	case reflect.String:
		text := cutText(v.String(), min(maxText, max(0, c.left)))
		c.left -= len(text)
		return reflect.ValueOf(text).Convert(v.Type())
	case reflect.Slice:
		return c.cutList(v, depth)
	case reflect.Map:
		return c.cutMap(v, depth)
	case reflect.Pointer:
		if v.IsNil() {
			return v
		}
		out := reflect.New(v.Type().Elem())
		out.Elem().Set(c.cut(v.Elem(), depth))
		return out
	case reflect.Struct:
		out := reflect.New(v.Type()).Elem()
		out.Set(v)
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				out.Field(i).Set(c.cut(v.Field(i), depth))
			}
		}
		return out
	}
	return v
}

func (c *cutter) cutList(v reflect.Value, depth int) reflect.Value {
	if v.IsNil() {
		return v
	}
	limit := min(v.Len(), maxElements[min(depth, len(maxElements)-1)])
	out := reflect.MakeSlice(v.Type(), 0, limit)
	for i := 0; i < limit && c.left > 0; i++ {
		c.left -= elementCost
		out = reflect.Append(out, c.cut(v.Index(i), depth+1))
	}
	return out
}

// cutMap copies the first entries of a map, in the order of their keys.
func (c *cutter) cutMap(v reflect.Value, depth int) reflect.Value {
	if v.IsNil() {
		return v
	}
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	keys = keys[:min(len(keys), maxElements[min(depth, len(maxElements)-1)])]
	out := reflect.MakeMapWithSize(v.Type(), len(keys))
	for _, key := range keys {
		if c.left -= elementCost + len(key.String()); c.left > 0 {
			out.SetMapIndex(key, c.cut(v.MapIndex(key), depth+1))
		}
	}
	return out
}

// cutText cuts a text at a character, and marks the cut.
func cutText(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	end := limit
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "..."
}

// paged returns the rows from an offset on, as many as the limits permit, and the offset of the
// next page; 0 means that there is none.
func paged[T any](total, offset, limit, budget int, at func(i int) T) (rows []T, next int) {
	rows = []T{}
	for i, used := offset, 0; i < total; i++ {
		if len(rows) == limit || used >= budget {
			return rows, i
		}
		r, size := row(at(i))
		rows, used = append(rows, r), used+size
	}
	return rows, 0
}

// limitOf returns the parameter "limit".
func limitOf(q url.Values) (int, error) {
	text := q.Get("limit")
	if text == "" {
		return maxRows, nil
	}
	limit, err := strconv.Atoi(text)
	if err != nil || limit < 1 || limit > maxRows {
		return 0, errors.New("invalid limit: want a number from 1 to " + strconv.Itoa(maxRows))
	}
	return limit, nil
}

// offsetOf returns the offset of a cursor. base is what the rows belong to: if it has changed,
// the error is errCursor, and the reader has to begin again.
func offsetOf(cursor, base string) (int, error) {
	if cursor == "" {
		return 0, nil
	}
	i := strings.LastIndexByte(cursor, '~')
	if i < 0 || cursor[:i] != base {
		return 0, errCursor
	}
	offset, err := strconv.Atoi(cursor[i+1:])
	if err != nil || offset < 0 {
		return 0, errCursor
	}
	return offset, nil
}

// cursorOf returns the cursor of an offset; "" for 0.
func cursorOf(offset int, base string) string {
	if offset == 0 {
		return ""
	}
	return base + "~" + strconv.Itoa(offset)
}

// errCursor is the error for a cursor of other rows, such as those of an earlier run.
var errCursor = errors.New("the cursor is invalid, or of rows that have been replaced: begin again without it")

// failure is the response of the API to a request that fails.
type failure struct {
	Version int    `json:"version"`
	Error   string `json:"error"`
}

// respond writes a response of the API.
func respond(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	e := json.NewEncoder(w)
	e.SetIndent("", indent)
	_ = e.Encode(v) // an error means that the client has disconnected
}

// fail writes an error of the API.
func fail(w http.ResponseWriter, code int, err error) {
	respond(w, code, failure{Version: 1, Error: cutText(err.Error(), 4000)})
}
