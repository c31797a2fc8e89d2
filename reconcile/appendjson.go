package reconcile

import (
	"encoding/json"
	"strconv"
)

// AppendJSON appends a change with its result as JSON, in the bytes of json.Marshal. A long run
// writes millions of changes, and encoding/json takes several times as long.
func (d *Done) AppendJSON(b []byte) ([]byte, error) {
	if d.Change == nil {
		data, err := json.Marshal(d)
		return append(b, data...), err
	}
	w, c := jsonAppender{b: append(b, '{')}, d.Change
	w.text("kind", string(c.Kind))
	w.text("key", c.Key)
	w.optional("id", c.ID)
	w.text("name", c.Name)
	w.optional("member", c.Member)
	w.optional("memberName", c.MemberName)
	if len(c.Attributes) > 0 {
		w.attributes(c.Attributes)
	}
	w.text("origin", string(c.Origin))
	w.reason(&c.Reason)
	if c.Cause != (Cause{}) {
		w.open("cause", '{')
		w.text("kind", string(c.Cause.Kind))
		w.optional("commit", c.Cause.Commit)
		w.b = append(w.b, '}')
	}
	if len(c.DependsOn()) > 0 {
		w.value("dependsOn", c.DependsOn())
	}
	if len(c.Held()) > 0 {
		w.value("held", c.Held())
	}
	w.optional("approval", c.Approval())
	w.optional("waiting", c.Waiting())
	w.text("result", string(d.Result))
	w.optional("error", d.Error)
	w.optional("requestId", d.RequestID)
	if d.Duration != 0 {
		w.name("durationNs")
		w.b = strconv.AppendInt(w.b, int64(d.Duration), 10)
	}
	if d.SentBy != nil {
		w.value("sentBy", d.SentBy)
	}
	return append(w.b, '}'), w.err
}

// AppendJSON appends an entry of the journal as JSON, in the bytes of json.Marshal.
func (e *Entry) AppendJSON(b []byte) ([]byte, error) {
	w := jsonAppender{b: append(b, '{')}
	w.text("run", e.Run)
	w.text("provisioner", e.Provisioner)
	w.name("seq")
	w.b = strconv.AppendInt(w.b, int64(e.Seq), 10)
	if len(e.Changes) > 0 {
		w.open("changes", '[')
		for i := range e.Changes {
			if i > 0 {
				w.b = append(w.b, ',')
			}
			var err error
			if w.b, err = e.Changes[i].AppendJSON(w.b); err != nil {
				return w.b, err
			}
		}
		w.b = append(w.b, ']')
	}
	w.name("ended")
	w.b = strconv.AppendBool(w.b, e.Ended)
	w.value("time", e.Time)
	return append(w.b, '}'), w.err
}

// jsonAppender appends the members of JSON objects to b.
type jsonAppender struct {
	b   []byte
	err error // the first one
}

// name appends the name of a member, which needs no escape.
func (w *jsonAppender) name(name string) {
	if last := w.b[len(w.b)-1]; last != '{' {
		w.b = append(w.b, ',')
	}
	w.b = append(append(append(w.b, '"'), name...), '"', ':')
}

// open appends the name of a member and the start of its object or list.
func (w *jsonAppender) open(name string, start byte) {
	w.name(name)
	w.b = append(w.b, start)
}

// text appends a member that is a string.
func (w *jsonAppender) text(name, value string) {
	w.name(name)
	w.b = appendJSONString(w.b, value)
}

// optional appends a member that is a string, unless it is empty.
func (w *jsonAppender) optional(name, value string) {
	if value != "" {
		w.text(name, value)
	}
}

// optionalBool appends a member that is true, and none if it is false.
func (w *jsonAppender) optionalBool(name string, value bool) {
	if value {
		w.name(name)
		w.b = append(w.b, "true"...)
	}
}

// value appends a member with the value of json.Marshal.
func (w *jsonAppender) value(name string, value any) {
	w.name(name)
	data, err := json.Marshal(value)
	if err != nil && w.err == nil {
		w.err = err
	}
	w.b = append(w.b, data...)
}

func (w *jsonAppender) attributes(list []AttributeChange) {
	w.open("attributes", '[')
	for i, a := range list {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		w.b = append(w.b, '{')
		w.text("path", a.Path)
		w.optional("old", a.Old)
		w.optional("new", a.New)
		w.b = append(w.b, '}')
	}
	w.b = append(w.b, ']')
}

func (w *jsonAppender) reason(r *Reason) {
	w.open("reason", '{')
	w.text("text", r.Text)
	w.optional("position", r.Position)
	w.optional("via", r.Via)
	w.optionalBool("reviewedEnd", r.ReviewedEnd)
	w.optionalBool("leftScope", r.LeftScope)
	w.b = append(w.b, '}')
}

// appendJSONString appends a string as json.Marshal does. Only a string that needs an escape takes
// the slow path.
func appendJSONString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			data, err := json.Marshal(s)
			if err != nil { // a string has no error
				return append(b, `""`...)
			}
			return append(b, data...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}
