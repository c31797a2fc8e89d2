package schema

import (
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// crosser checks what holds between declarations.
type crosser struct {
	*loader
	d       *Declarations
	records map[string]map[string]*node // by kind and key
}

// cross checks the whole. With files that could not be read or evaluated it does not, since what is in them would seem to be missing.
func (l *loader) cross(d *Declarations) {
	if l.dynamic.failed || slices.ContainsFunc(l.problems, func(p Problem) bool {
		return p.Code == syntaxError.id || p.Code == wrongPackage.id || p.Code == cueError.id
	}) {
		return
	}
	c := &crosser{loader: l, d: d, records: map[string]map[string]*node{}}
	c.keys()
	c.types()
	c.people()
	c.groups()
	c.cycles()
	c.apps()
	c.provisioners()
	c.assertions()
	c.mappings()
	c.standing()
}

// unknown reports a reference to something that is not declared.
func unknown[V any](c *crosser, at Pos, path, what, name string, declared map[string]V) {
	if _, ok := declared[name]; ok {
		return
	}
	advice := ""
	if guess := nearest(name, slices.Collect(maps.Keys(declared))); guess != "" {
		advice = fmt.Sprintf("did you mean %q?", guess)
	} else if n := len(declared); n == 0 {
		advice = "there are no " + what + "s"
	} else if n <= 10 {
		advice = "declared: " + strings.Join(keysOf(declared), ", ")
	}
	c.report(Problem{Pos: at, Code: unknownRef.id, Path: path, Message: "no such " + what, Value: quote(name), Advice: advice})
}

// unique reports values that come twice, case aside. The position of the second is the problem's.
type unique struct {
	c       *crosser
	code    code
	message string // with %s for the first's key and position
	seen    map[string]claim
}

type claim struct {
	key string
	at  Pos
}

// claim takes a value for the record of that key. The path is asked for if there is a problem.
func (u *unique) claim(value, key string, at Pos, path func() string) {
	if value == "" {
		return
	}
	if u.seen == nil {
		u.seen = make(map[string]claim, len(u.c.d.Users))
	}
	folded := fold(value)
	first, taken := u.seen[folded]
	if !taken {
		u.seen[folded] = claim{key, at}
		return
	}
	u.c.report(Problem{Pos: at, Code: u.code.id, Path: path(), Message: fmt.Sprintf(u.message, quote(first.key), first.at), Value: quote(value), Advice: u.code.advice})
}

// fold makes texts equal that differ only in case.
func fold(s string) string {
	for i := range len(s) {
		if c := s[i]; c >= utf8.RuneSelf || 'A' <= c && c <= 'Z' {
			return strings.ToLower(strings.ToUpper(s))
		}
	}
	return s
}

// node returns what was declared of a record, or of something in it.
func (c *crosser) node(kind, key string, below ...string) *node {
	if c.records[kind] == nil {
		c.records[kind] = map[string]*node{}
		if all := c.root.child(kind); all != nil {
			for _, f := range all.fields {
				c.records[kind][f.name] = f.value
			}
		}
	}
	return c.records[kind][key].find(below...)
}

// keys refuses keys of one kind that differ only in case.
func (c *crosser) keys() {
	for _, kind := range c.schema.order {
		records := c.root.child(kind)
		if records == nil || records.kind != structNode {
			continue
		}
		u := &unique{c: c, code: caseClash, message: "the key differs from %s (%s) only in case"}
		for _, f := range records.fields {
			u.claim(f.name, f.name, f.at.pos(), func() string { return join(kind, f.name) })
		}
	}
}

func (c *crosser) types() {
	for key, t := range c.d.AttributeTypes {
		if _, taken := subjectFields[key]; taken || key == "attributes" {
			c.report(Problem{Pos: t.Pos, Code: takenName.id, Path: join("attributeTypes", key), Message: "a field of users has this name", Value: quote(key), Advice: "rename it"})
		}
	}
}

func (c *crosser) people() {
	emails := &unique{c: c, code: dupEmail, message: "user %s (%s) has the same e-mail address"}
	ids := &unique{c: c, code: dupUserID, message: "user %s (%s) has the same userId"}
	for _, key := range keysOf(c.d.Users) {
		u := c.d.Users[key]
		n := c.node("users", key)
		emails.claim(u.Email, key, n.child("email").pos(u.Pos), func() string { return join("users", key) + ".email" })
		ids.claim(u.UserID, key, n.child("userId").pos(u.Pos), func() string { return join("users", key) + ".userId" })
		if u.ValidFrom != nil && u.ValidUntil != nil && !u.ValidUntil.End.After(u.ValidFrom.Start) {
			c.report(Problem{Pos: n.child("validUntil").pos(u.Pos), Code: dateOrder.id, Path: join("users", key) + ".validUntil", Message: "is before validFrom, " + u.ValidFrom.Text, Value: quote(u.ValidUntil.Text), Advice: "swap or correct them"})
		}
	}
}

func (c *crosser) groups() {
	names := &unique{c: c, code: dupGroupName, message: "group %s (%s) has the same displayName"}
	for _, key := range keysOf(c.d.Groups) {
		g := c.d.Groups[key]
		path := join("groups", key)
		at := c.node("groups", key, "displayName").pos(g.Pos)
		names.claim(g.DisplayName, key, at, func() string { return path + ".displayName" })
		if reserved(g.DisplayName) {
			c.report(Problem{Pos: at, Code: reservedName.id, Path: path + ".displayName", Message: "is a name that AWS reserves", Value: quote(g.DisplayName), Advice: "use another"})
		} else if bad := badRune(g.DisplayName, true, false, false); bad >= 0 {
			c.report(Problem{Pos: at, Code: groupName.id, Path: path + ".displayName", Message: fmt.Sprintf("has the character %q", bad), Value: quote(g.DisplayName), Advice: characterAdvice(true)})
		}
		for user, m := range g.Members {
			if c.d.Users[user] == nil {
				unknown(c, m.Pos, path+".members", "user", user, c.d.Users)
			}
		}
		for nested, at := range g.Include {
			unknown(c, at, path+".include", "group", nested, c.d.Groups)
		}
		if g.Where != nil {
			c.rule(g.Where, c.node("groups", key, "where"), path+".where")
		}
	}
	c.previous("groups", slices.Collect(maps.Keys(c.d.Groups)), func(key string) []string { return c.d.Groups[key].Previously })
}

// previous checks the earlier keys of a kind: none may be in use, none claimed twice.
func (c *crosser) previous(kind string, keys []string, of func(key string) []string) {
	slices.Sort(keys)
	claimed := map[string]string{}
	for _, key := range keys {
		for _, old := range of(key) {
			at := c.node(kind, key, "previously").get(old).at.pos()
			p := Problem{Pos: at, Code: badPrevious.id, Path: join(join(kind, key)+".previously", old), Value: quote(old), Advice: badPrevious.advice}
			if slices.Contains(keys, old) {
				p.Message = "is still the key of a declaration"
				c.report(p)
			} else if other, ok := claimed[old]; ok {
				p.Message = "is claimed by " + quote(other) + " too"
				c.report(p)
			}
			claimed[old] = key
		}
	}
}

// rule checks that a rule's fields exist and its values are of their types.
func (c *crosser) rule(r *Rule, n *node, path string) {
	if len(r.Fields) == 0 {
		c.report(Problem{Pos: r.Pos, Code: emptyRule.id, Path: path, Message: "the rule has no conditions", Advice: emptyRule.advice})
	}
	known := append(keysOf(c.d.AttributeTypes), ruleFields...)
	for name, values := range r.Fields {
		at := r.Pos
		if f := n.get(name); f != nil {
			at = f.at.pos()
		}
		p := Problem{Pos: at, Code: badRule.id, Path: join(path, name)}
		typ := "string"
		if t := c.d.AttributeTypes[name]; t != nil {
			typ = t.Type
		} else if !slices.Contains(ruleFields, name) {
			p.Message, p.Value = "users have no such field", quote(name)
			if guess := nearest(name, known); guess != "" {
				p.Advice = fmt.Sprintf("did you mean %q?", guess)
			} else {
				p.Advice = "declare it in attributeTypes"
			}
			c.report(p)
			continue
		}
		for _, v := range values {
			if message := ruleValue(name, typ, v); message != "" {
				p.Message, p.Value = message, fmt.Sprintf("%#v", v)
				c.report(p)
			}
		}
	}
}

func ruleValue(name, typ string, v any) string {
	switch v := v.(type) {
	case string:
		if name == "state" && !slices.Contains([]UserState{Active, Locked, Inactive}, UserState(v)) {
			return "no user has that state"
		}
		if typ == "string" || typ == "strings" {
			return ""
		}
	case bool:
		if typ == "bool" {
			return ""
		}
	case int64:
		if typ == "int" {
			return ""
		}
	}
	return "must be " + map[string]string{"string": "a string", "strings": "a string", "bool": "a bool", "int": "an integer"}[typ]
}

// cycles finds groups that include each other in a circle, each circle once.
func (c *crosser) cycles() {
	const white, grey, black = 0, 1, 2
	colour := map[string]int{}
	var trail []string
	var visit func(key string)
	visit = func(key string) {
		colour[key] = grey
		trail = append(trail, key)
		g := c.d.Groups[key]
		for _, next := range keysOf(g.Include) {
			switch {
			case c.d.Groups[next] == nil:
			case colour[next] == grey:
				circle := append(slices.Clone(trail[slices.Index(trail, next):]), next)
				c.report(Problem{Pos: g.Include[next], Code: cycle.id, Path: join("groups", key) + ".include", Message: "the groups include each other in a circle: " + strings.Join(circle, " -> "), Advice: "remove one of the includes"})
			case colour[next] == white:
				visit(next)
			}
		}
		trail = trail[:len(trail)-1]
		colour[key] = black
	}
	for _, key := range keysOf(c.d.Groups) {
		if colour[key] == white {
			visit(key)
		}
	}
}

// file demands that a path names a regular file of the tree, and reports whether it does.
func (c *crosser) file(name string, at Pos, path string) bool {
	if name == "" {
		return false
	}
	p := Problem{Pos: at, Code: missingFile.id, Path: path, Value: quote(name), Advice: "paths begin at the root of the configuration"}
	if !fs.ValidPath(name) {
		p.Message = "is not a path below the root"
		c.report(p)
		return false
	}
	info, err := fs.Stat(c.fsys, name)
	switch {
	case err != nil:
		p.Message = "there is no such file"
	case !info.Mode().IsRegular():
		p.Message = "is not a file"
	default:
		return true
	}
	c.report(p)
	return false
}

func (c *crosser) assertions() {
	catalog := newCatalog(c.schema)
	for _, key := range keysOf(c.d.Assertions) {
		a := c.d.Assertions[key]
		path := join("assertions", key)
		n := c.node("assertions", key)
		p := Problem{Code: badAssertion.id, Path: path}
		for i, group := range a.Disjoint {
			at := n.child("disjoint").fields[i].at.pos()
			unknown(c, at, path+".disjoint", "group", group, c.d.Groups)
			if slices.Contains(a.Disjoint[:i], group) {
				p.Pos, p.Message, p.Value, p.Advice = at, "the group is named twice", quote(group), "name each group once"
				c.report(p)
			}
		}
		if a.AtLeast != nil && a.AtLeast.Group != "" {
			unknown(c, n.find("atLeast", "group").pos(a.Pos), path+".atLeast.group", "group", a.AtLeast.Group, c.d.Groups)
		}
		if a.Only == nil {
			continue
		}
		if _, err := regexp.Compile(a.Only.Pattern); err != nil {
			p.Pos, p.Message, p.Value, p.Advice = n.find("only", "pattern").pos(a.Pos), "is no regular expression: "+err.Error(), quote(a.Only.Pattern), "write it as RE2 does"
			c.report(p)
		}
		if !slices.ContainsFunc(catalog, func(x attribute) bool { return x.path == a.Only.Attribute }) {
			c.report((&Mapping{catalog: catalog}).badPath(field{name: a.Only.Attribute, at: n.find("only", "attribute").at}, path+".only"))
		}
		if a.Only.Where != nil {
			c.rule(a.Only.Where, n.find("only", "where"), path+".only.where")
		}
	}
}
