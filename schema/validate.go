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
type validator struct {
	*loader
	d       *Declarations
	records map[string]map[string]*node // by kind and key
	rereads map[string]*loader          // files that were read again for the places in them
}

// cross checks the whole. With files that could not be read or evaluated it does not, since what is in them would seem to be missing.
func (l *loader) validate(d *Declarations) {
	if l.dynamic.failed || slices.ContainsFunc(l.problems, func(p Problem) bool {
		return p.Code == syntaxError.id || p.Code == wrongPackage.id || p.Code == cueError.id
	}) {
		return
	}
	c := &validator{loader: l, d: d, records: map[string]map[string]*node{}}
	c.cache.previous.compare(d, l.accepted)
	c.keys()
	c.types()
	c.users()
	c.groups()
	c.cycles()
	c.apps()
	c.provisioners()
	c.assertions()
	c.mappings()
	c.warnings()
}

// unknown reports a reference to something that is not declared.
func checkReference[V any](v *validator, at Pos, path, what, name string, declared map[string]V) {
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
	v.report(Problem{Pos: at, Code: unknownRef.id, Path: path, Message: "no such " + what, Value: quote(name), Advice: advice})
}

// node returns what was declared of a record, or of something in it.
func (v *validator) node(kind, key string, below ...string) *node {
	if v.records[kind] == nil {
		v.records[kind] = map[string]*node{}
		if all := v.root.child(kind); all != nil {
			for _, f := range all.fields {
				v.records[kind][f.name] = f.value
			}
		}
	}
	n := v.records[kind][key]
	switch {
	case n != nil || v.accepted == nil:
	case kind == "users" && v.d.Users[key] != nil:
		n = v.reread(v.d.Users[key].Pos.File).node(kind, key)
	case kind == "groups" && v.d.Groups[key] != nil:
		n = v.reread(v.d.Groups[key].Pos.File).node(kind, key)
	}
	return n.find(below...)
}

// readAgain reads the records of a file that settled: what became of them does not say where each value stands.
func (v *validator) reread(file string) *loader {
	l := v.rereads[file]
	if l != nil {
		return l
	}
	l = &loader{limits: v.limits, schema: v.schema, types: v.loader.types, dynamic: newDynamic(), literals: map[string]*builder{}}
	if text, err := fs.ReadFile(v.fsys, file); err != nil { // the file was there before
	} else if path.Ext(file) == ".cue" {
		people, _ := l.readCUE(&fileRef{file}, text)
		for _, r := range people {
			l.record(r.kind, r.field)
		}
	} else {
		l.readData(&fileRef{file}, string(text))
	}
	if v.rereads == nil {
		v.rereads = map[string]*loader{}
	}
	v.rereads[file] = l
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
func (v *validator) keys() {
	for _, kind := range v.schema.order {
		if kind == "users" && v.usersIndexed() && v.cache.users.keys.duplicates == 0 {
			continue
		}
		places := v.keyPositions(kind)
		if !hasDuplicates(len(places), maps.Keys(places)) {
			continue
		}
		u := &duplicateFinder{v: v, code: caseClash, message: "the key differs from %s (%s) only in case"}
		for _, key := range keysOf(places) {
			u.add(key, key, places[key], func() string { return joinPath(kind, key) })
		}
	}
}

// exact reports whether the census is of everybody.
func (v *validator) usersIndexed() bool { return v.accepted != nil && v.accepted.userSet != nil }

// places returns where each record of a kind stands.
func (v *validator) keyPositions(kind string) map[string]Pos {
	out := map[string]Pos{}
	if records := v.root.child(kind); records != nil && records.kind == structNode {
		for _, f := range records.fields {
			out[f.name] = f.at.pos()
		}
	}
	switch {
	case v.accepted == nil:
	case kind == "users":
		for key, u := range v.d.Users {
			out[key] = u.Pos
		}
	case kind == "groups":
		for key, g := range v.d.Groups {
			out[key] = g.Pos
		}
	}
	return out
}

func (v *validator) types() {
	for key, t := range v.d.AttributeTypes {
		if _, taken := userInputFields[key]; taken || key == "attributes" {
			v.report(Problem{Pos: t.Pos, Code: nameOfUserField.id, Path: joinPath("attributeTypes", key), Message: "a field of users has this name", Value: quote(key), Advice: "rename it"})
		}
	}
}

func (v *validator) users() {
	users := maps.Values(v.d.Users)
	repeated := v.cache.users.emails.duplicates+v.cache.users.userIDs.duplicates > 0
	if !v.usersIndexed() {
		repeated = hasDuplicates(len(v.d.Users), mapSeq(users, func(u *User) string { return u.Email })) || hasDuplicates(len(v.d.Users), mapSeq(users, func(u *User) string { return u.UserID }))
	}
	if repeated {
		v.duplicateUsers()
	}
	if delta := v.cache.previous.diff; delta != nil {
		users = slices.Values(delta.added)
	}
	for u := range users {
		if u.ValidFrom != nil && u.ValidUntil != nil && !u.ValidUntil.End.After(u.ValidFrom.Start) {
			at := v.node("users", u.Key, "validUntil").posOr(u.Pos)
			v.report(Problem{Pos: at, Code: dateOrder.id, Path: joinPath("users", u.Key) + ".validUntil", Message: "is before validFrom, " + u.ValidFrom.Text, Value: quote(u.ValidUntil.Text), Advice: "swap or correct them"})
		}
	}
}

func (v *validator) duplicateUsers() {
	emails := &duplicateFinder{v: v, code: dupEmail, message: "user %s (%s) has the same e-mail address"}
	ids := &duplicateFinder{v: v, code: dupUserID, message: "user %s (%s) has the same userId"}
	for _, key := range keysOf(v.d.Users) {
		u := v.d.Users[key]
		at := func(name string) func() Pos { return func() Pos { return v.node("users", key, name).posOr(u.Pos) } }
		emails.addLazily(u.Email, key, at("email"), func() string { return joinPath("users", key) + ".email" })
		ids.addLazily(u.UserID, key, at("userId"), func() string { return joinPath("users", key) + ".userId" })
	}
}

func (v *validator) groups() {
	if hasDuplicates(len(v.d.Groups), mapSeq(maps.Values(v.d.Groups), func(g *Group) string { return g.DisplayName })) {
		names := &duplicateFinder{v: v, code: dupGroupName, message: "group %s (%s) has the same displayName"}
		for _, key := range keysOf(v.d.Groups) {
			g := v.d.Groups[key]
			at := func() Pos { return v.node("groups", key, "displayName").posOr(g.Pos) }
			names.addLazily(g.DisplayName, key, at, func() string { return joinPath("groups", key) + ".displayName" })
		}
	}
	for key, g := range v.d.Groups {
		if !v.cache.previous.unchanged(g) {
			v.group(key, g)
		}
	}
	declared := func(key string) bool { return v.d.Groups[key] != nil }
	v.previousKeys("groups", slices.Collect(maps.Keys(v.d.Groups)), declared, func(key string) []string { return v.d.Groups[key].Previously })
}

func (v *validator) group(key string, g *Group) {
	path := joinPath("groups", key)
	at := func() Pos { return v.node("groups", key, "displayName").posOr(g.Pos) }
	if reserved(g.DisplayName) {
		v.report(Problem{Pos: at(), Code: reservedName.id, Path: path + ".displayName", Message: "is a name that AWS reserves", Value: quote(g.DisplayName), Advice: "use another"})
	} else if bad := badRune(g.DisplayName, true, false, false); bad >= 0 {
		v.report(Problem{Pos: at(), Code: badGroupName.id, Path: path + ".displayName", Message: fmt.Sprintf("has the character %q", bad), Value: quote(g.DisplayName), Advice: characterAdvice(true)})
	}
	for i := range g.Members {
		if m := &g.Members[i]; v.d.Users[m.User] == nil {
			checkReference(v, m.Pos, path+".members", "user", m.User, v.d.Users)
		}
	}
	for nested, at := range g.Include {
		checkReference(v, at, path+".include", "group", nested, v.d.Groups)
	}
	if g.Where != nil {
		v.rule(g.Where, func() *node { return v.node("groups", key, "where") }, path+".where")
	}
}

// previous checks the earlier keys of a kind: none may be in use, none claimed twice.
func (v *validator) previousKeys(kind string, keys []string, declared func(key string) bool, of func(key string) []string) {
	keys = slices.DeleteFunc(keys, func(key string) bool { return len(of(key)) == 0 })
	slices.Sort(keys)
	claimed := map[string]string{}
	for _, key := range keys {
		for _, old := range of(key) {
			at := v.node(kind, key, "previously").get(old).at.pos()
			p := Problem{Pos: at, Code: badPrevious.id, Path: joinPath(joinPath(kind, key)+".previously", old), Value: quote(old), Advice: badPrevious.advice}
			if declared(old) {
				p.Message = "is still the key of a declaration"
				v.report(p)
			} else if other, ok := claimed[old]; ok {
				p.Message = "is claimed by " + quote(other) + " too"
				v.report(p)
			}
			claimed[old] = key
		}
	}
}

// rule checks that a rule's fields exist and its values are of their types. What was declared is asked for if there is a problem.
func (v *validator) rule(r *Rule, declared func() *node, path string) {
	if len(r.Fields) == 0 {
		v.report(Problem{Pos: r.Pos, Code: emptyRule.id, Path: path, Message: "the rule has no conditions", Advice: emptyRule.advice})
	}
	known := append(keysOf(v.d.AttributeTypes), ruleFields...)
	for name, values := range r.Fields {
		report := func(p Problem) {
			p.Pos, p.Code, p.Path = r.Pos, badRule.id, joinPath(path, name)
			if f := declared().get(name); f != nil {
				p.Pos = f.at.pos()
			}
			v.report(p)
		}
		var p Problem
		typ := "string"
		if t := v.d.AttributeTypes[name]; t != nil {
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
func (v *validator) cycles() {
	const white, grey, black = 0, 1, 2
	colour := map[string]int{}
	var trail []string
	var visit func(key string)
	visit = func(key string) {
		colour[key] = grey
		trail = append(trail, key)
		g := v.d.Groups[key]
		for _, next := range keysOf(g.Include) {
			switch {
			case v.d.Groups[next] == nil:
			case colour[next] == grey:
				circle := append(slices.Clone(trail[slices.Index(trail, next):]), next)
				v.report(Problem{Pos: g.Include[next], Code: cycle.id, Path: joinPath("groups", key) + ".include", Message: "the groups include each other in a circle: " + strings.Join(circle, " -> "), Advice: "remove one of the includes"})
			case colour[next] == white:
				visit(next)
			}
		}
		trail = trail[:len(trail)-1]
		colour[key] = black
	}
	for _, key := range keysOf(v.d.Groups) {
		if colour[key] == white {
			visit(key)
		}
	}
}

// file demands that a path names a regular file of the tree, and reports whether it does.
func (v *validator) checkFile(name string, at Pos, path string) bool {
	if name == "" {
		return false
	}
	p := Problem{Pos: at, Code: missingFile.id, Path: path, Value: quote(name), Advice: "paths begin at the root of the configuration"}
	if !fs.ValidPath(name) {
		p.Message = "is not a path below the root"
		v.report(p)
		return false
	}
	info, err := fs.Stat(v.fsys, name)
	switch {
	case err != nil:
		p.Message = "there is no such file"
	case !info.Mode().IsRegular():
		p.Message = "is not a file"
	default:
		return true
	}
	v.report(p)
	return false
}

func (v *validator) assertions() {
	catalog := newCatalog(v.schema)
	for _, key := range keysOf(v.d.Assertions) {
		a := v.d.Assertions[key]
		path := joinPath("assertions", key)
		n := v.node("assertions", key)
		p := Problem{Code: badAssertion.id, Path: path}
		for i, group := range a.Disjoint {
			at := n.child("disjoint").fields[i].at.pos()
			checkReference(v, at, path+".disjoint", "group", group, v.d.Groups)
			if slices.Contains(a.Disjoint[:i], group) {
				p.Pos, p.Message, p.Value, p.Advice = at, "the group is named twice", quote(group), "name each group once"
				v.report(p)
			}
		}
		if a.AtLeast != nil && a.AtLeast.Group != "" {
			checkReference(v, n.find("atLeast", "group").posOr(a.Pos), path+".atLeast.group", "group", a.AtLeast.Group, v.d.Groups)
		}
		if a.Only == nil {
			continue
		}
		if _, err := regexp.Compile(a.Only.Pattern); err != nil {
			p.Pos, p.Message, p.Value, p.Advice = n.find("only", "pattern").posOr(a.Pos), "is no regular expression: "+err.Error(), quote(a.Only.Pattern), "write it as RE2 does"
			v.report(p)
		}
		if !slices.ContainsFunc(catalog, func(x attribute) bool { return x.path == a.Only.Attribute }) {
			v.report((&Mapping{catalog: catalog}).badPath(field{name: a.Only.Attribute, at: n.find("only", "attribute").at}, path+".only"))
		}
		if a.Only.Where != nil {
			v.rule(a.Only.Where, func() *node { return n.find("only", "where") }, path+".only.where")
		}
	}
}
