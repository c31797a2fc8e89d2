package schema

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

// crosser checks what holds between declarations.
type crosser struct {
	*loader
	d       *Declarations
	records map[string]map[string]*node // by kind and key
	again   map[string]*loader          // files that were read again for the places in them
}

// cross checks the whole. With files that could not be read or evaluated it does not, since what is in them would seem to be missing.
func (l *loader) cross(d *Declarations) {
	if l.dynamic.failed || slices.ContainsFunc(l.problems, func(p Problem) bool {
		return p.Code == syntaxError.id || p.Code == wrongPackage.id || p.Code == cueError.id
	}) {
		return
	}
	c := &crosser{loader: l, d: d, records: map[string]map[string]*node{}}
	c.cache.past.begin(d, l.settled)
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
	n := c.records[kind][key]
	switch {
	case n != nil || c.settled == nil:
	case kind == "users" && c.d.Users[key] != nil:
		n = c.readAgain(c.d.Users[key].Pos.File).node(kind, key)
	case kind == "groups" && c.d.Groups[key] != nil:
		n = c.readAgain(c.d.Groups[key].Pos.File).node(kind, key)
	}
	return n.find(below...)
}

// readAgain reads the records of a file that settled: what became of them does not say where each value stands.
func (c *crosser) readAgain(file string) *loader {
	l := c.again[file]
	if l != nil {
		return l
	}
	l = &loader{limits: c.limits, schema: c.schema, types: c.loader.types, dynamic: newDynamic(), literals: map[string]*builder{}}
	if text, err := fs.ReadFile(c.fsys, file); err != nil { // the file was there before
	} else if path.Ext(file) == ".cue" {
		people, _ := l.readCUE(&source{file}, text)
		for _, r := range people {
			l.record(r.kind, r.field)
		}
	} else {
		l.readData(&source{file}, string(text))
	}
	if c.again == nil {
		c.again = map[string]*loader{}
	}
	c.again[file] = l
	return l
}

// node returns a literal record, or nil.
func (l *loader) node(kind, key string) *node {
	if b := l.literals[kind]; b != nil {
		if f := b.lookup(key); f != nil {
			return f.value
		}
	}
	return nil
}

// keys refuses keys of one kind that differ only in case.
func (c *crosser) keys() {
	for _, kind := range c.schema.order {
		if kind == "users" && c.exact() && c.cache.people.keys.repeated == 0 {
			continue
		}
		places := c.places(kind)
		if !repeats(len(places), maps.Keys(places)) {
			continue
		}
		u := &unique{c: c, code: caseClash, message: "the key differs from %s (%s) only in case"}
		for _, key := range keysOf(places) {
			u.claim(key, key, places[key], func() string { return join(kind, key) })
		}
	}
}

// exact reports whether the census is of everybody.
func (c *crosser) exact() bool { return c.settled != nil && c.settled.roll != nil }

// places returns where each record of a kind stands.
func (c *crosser) places(kind string) map[string]Pos {
	out := map[string]Pos{}
	if records := c.root.child(kind); records != nil && records.kind == structNode {
		for _, f := range records.fields {
			out[f.name] = f.at.pos()
		}
	}
	switch {
	case c.settled == nil:
	case kind == "users":
		for key, u := range c.d.Users {
			out[key] = u.Pos
		}
	case kind == "groups":
		for key, g := range c.d.Groups {
			out[key] = g.Pos
		}
	}
	return out
}

func (c *crosser) types() {
	for key, t := range c.d.AttributeTypes {
		if _, taken := subjectFields[key]; taken || key == "attributes" {
			c.report(Problem{Pos: t.Pos, Code: takenName.id, Path: join("attributeTypes", key), Message: "a field of users has this name", Value: quote(key), Advice: "rename it"})
		}
	}
}

func (c *crosser) people() {
	users := maps.Values(c.d.Users)
	repeated := c.cache.people.mails.repeated+c.cache.people.ids.repeated > 0
	if !c.exact() {
		repeated = repeats(len(c.d.Users), each(users, func(u *User) string { return u.Email })) || repeats(len(c.d.Users), each(users, func(u *User) string { return u.UserID }))
	}
	if repeated {
		c.repeatedPeople()
	}
	if delta := c.cache.past.delta; delta != nil {
		users = slices.Values(delta.came)
	}
	for u := range users {
		if u.ValidFrom != nil && u.ValidUntil != nil && !u.ValidUntil.End.After(u.ValidFrom.Start) {
			at := c.node("users", u.Key, "validUntil").pos(u.Pos)
			c.report(Problem{Pos: at, Code: dateOrder.id, Path: join("users", u.Key) + ".validUntil", Message: "is before validFrom, " + u.ValidFrom.Text, Value: quote(u.ValidUntil.Text), Advice: "swap or correct them"})
		}
	}
}

func (c *crosser) repeatedPeople() {
	emails := &unique{c: c, code: dupEmail, message: "user %s (%s) has the same e-mail address"}
	ids := &unique{c: c, code: dupUserID, message: "user %s (%s) has the same userId"}
	for _, key := range keysOf(c.d.Users) {
		u := c.d.Users[key]
		at := func(name string) func() Pos { return func() Pos { return c.node("users", key, name).pos(u.Pos) } }
		emails.claimAt(u.Email, key, at("email"), func() string { return join("users", key) + ".email" })
		ids.claimAt(u.UserID, key, at("userId"), func() string { return join("users", key) + ".userId" })
	}
}

func (c *crosser) groups() {
	if repeats(len(c.d.Groups), each(maps.Values(c.d.Groups), func(g *Group) string { return g.DisplayName })) {
		names := &unique{c: c, code: dupGroupName, message: "group %s (%s) has the same displayName"}
		for _, key := range keysOf(c.d.Groups) {
			g := c.d.Groups[key]
			at := func() Pos { return c.node("groups", key, "displayName").pos(g.Pos) }
			names.claimAt(g.DisplayName, key, at, func() string { return join("groups", key) + ".displayName" })
		}
	}
	for key, g := range c.d.Groups {
		if !c.cache.past.same(g) {
			c.group(key, g)
		}
	}
	declared := func(key string) bool { return c.d.Groups[key] != nil }
	c.previous("groups", slices.Collect(maps.Keys(c.d.Groups)), declared, func(key string) []string { return c.d.Groups[key].Previously })
}

func (c *crosser) group(key string, g *Group) {
	path := join("groups", key)
	at := func() Pos { return c.node("groups", key, "displayName").pos(g.Pos) }
	if reserved(g.DisplayName) {
		c.report(Problem{Pos: at(), Code: reservedName.id, Path: path + ".displayName", Message: "is a name that AWS reserves", Value: quote(g.DisplayName), Advice: "use another"})
	} else if bad := badRune(g.DisplayName, true, false, false); bad >= 0 {
		c.report(Problem{Pos: at(), Code: groupName.id, Path: path + ".displayName", Message: fmt.Sprintf("has the character %q", bad), Value: quote(g.DisplayName), Advice: characterAdvice(true)})
	}
	for i := range g.Members {
		if m := &g.Members[i]; c.d.Users[m.User] == nil {
			unknown(c, m.Pos, path+".members", "user", m.User, c.d.Users)
		}
	}
	for nested, at := range g.Include {
		unknown(c, at, path+".include", "group", nested, c.d.Groups)
	}
	if g.Where != nil {
		c.rule(g.Where, func() *node { return c.node("groups", key, "where") }, path+".where")
	}
}

// previous checks the earlier keys of a kind: none may be in use, none claimed twice.
func (c *crosser) previous(kind string, keys []string, declared func(key string) bool, of func(key string) []string) {
	keys = slices.DeleteFunc(keys, func(key string) bool { return len(of(key)) == 0 })
	slices.Sort(keys)
	claimed := map[string]string{}
	for _, key := range keys {
		for _, old := range of(key) {
			at := c.node(kind, key, "previously").get(old).at.pos()
			p := Problem{Pos: at, Code: badPrevious.id, Path: join(join(kind, key)+".previously", old), Value: quote(old), Advice: badPrevious.advice}
			if declared(old) {
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

// rule checks that a rule's fields exist and its values are of their types. What was declared is asked for if there is a problem.
func (c *crosser) rule(r *Rule, declared func() *node, path string) {
	if len(r.Fields) == 0 {
		c.report(Problem{Pos: r.Pos, Code: emptyRule.id, Path: path, Message: "the rule has no conditions", Advice: emptyRule.advice})
	}
	known := append(keysOf(c.d.AttributeTypes), ruleFields...)
	for name, values := range r.Fields {
		report := func(p Problem) {
			p.Pos, p.Code, p.Path = r.Pos, badRule.id, join(path, name)
			if f := declared().get(name); f != nil {
				p.Pos = f.at.pos()
			}
			c.report(p)
		}
		var p Problem
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
			report(p)
			continue
		}
		for _, v := range values {
			if message := ruleValue(name, typ, v); message != "" {
				p.Message, p.Value = message, fmt.Sprintf("%#v", v)
				report(p)
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
			c.rule(a.Only.Where, func() *node { return n.find("only", "where") }, path+".only.where")
		}
	}
}
