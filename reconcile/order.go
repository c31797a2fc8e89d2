package reconcile

import (
	"slices"
	"strings"
)

// SetAsideUser and SetAsideGroup give an object a temporary name, because two or more objects trade names in a circle.
const (
	TemporaryRenameUser  Kind = "set-aside-user"
	TemporaryRenameGroup Kind = "set-aside-group"
)

// names tells which names a change takes and gives up. Users are unique by userName and by e-mail, groups by displayName.
func (c *Change) names() (takes, gives []string) {
	space := "group/"
	if c.Kind.OfUser() {
		space = "user/"
	}
	for _, a := range c.Attributes {
		switch a.Path {
		case "userName", "emails.value", "displayName":
			if a.Path == "displayName" && space == "user/" {
				continue
			}
			name := space + a.Path + "/"
			if FoldName(a.New) == FoldName(a.Old) {
				continue
			}
			if a.New != "" {
				takes = append(takes, name+FoldName(a.New))
			}
			if a.Old != "" {
				gives = append(gives, name+FoldName(a.Old))
			}
		}
	}
	return takes, gives
}

// TakesName reports whether the change takes a name that must be unique.
func (c *Change) TakesName() bool {
	takes, _ := c.names()
	return len(takes) > 0
}

// given returns the names of a deleted object, which its change does not carry.
func freedNames(c *Change, a State) []string {
	switch c.Kind {
	case DeleteUser:
		out := []string{"user/userName/" + FoldName(c.Name)}
		if u := a.Users[c.Key]; u != nil {
			if mail, ok := u.Attributes.Get("emails.value"); ok {
				out = append(out, "user/emails.value/"+FoldName(mail))
			}
		}
		return out
	case DeleteGroup:
		return []string{"group/displayName/" + FoldName(c.Name)}
	}
	_, gives := c.names()
	return gives
}

// setAside makes whoever takes a name wait for who gives it up, and breaks circles with one temporary name each.
func orderNameChanges(changes []Change, a State) []Change {
	givers := map[string]int{}
	for i := range changes {
		for _, name := range freedNames(&changes[i], a) {
			givers[name] = i
		}
	}
	if len(givers) == 0 {
		return changes
	}
	waits := map[int][]int{} // change -> changes that must come first
	for i := range changes {
		takes, _ := changes[i].names()
		for _, name := range takes {
			if j, ok := givers[name]; ok && changes[j].Key != changes[i].Key && !slices.Contains(waits[i], j) {
				waits[i] = append(waits[i], j)
			}
		}
	}
	broken := cycles(len(changes), waits)
	for _, i := range broken {
		changes = append(changes, temporaryRename(&changes[i]))
	}
	for i, js := range waits {
		for _, j := range js {
			ref := changes[j].Ref()
			if k := slices.Index(broken, j); k >= 0 {
				ref = changes[len(changes)-len(broken)+k].Ref()
			}
			changes[i].DependsOn = append(changes[i].DependsOn, ref)
		}
		slices.SortFunc(changes[i].DependsOn, Ref.Compare)
	}
	return changes
}

// circles returns, for each circle among the waits, the one change whose names are set aside.
func cycles(n int, waits map[int][]int) []int {
	const visiting, visited = 1, 2
	state := make(map[int]int, len(waits))
	var broken []int
	var visit func(i int)
	visit = func(i int) {
		state[i] = visiting
		for _, j := range waits[i] {
			switch state[j] {
			case visiting:
				if !slices.Contains(broken, j) {
					broken = append(broken, j)
				}
			case 0:
				visit(j)
			}
		}
		state[i] = visited
	}
	for i := range n {
		if len(waits[i]) > 0 && state[i] == 0 {
			visit(i)
		}
	}
	return broken
}

// aside returns the change that moves an object out of the way of its names, and makes c start from there.
func temporaryRename(c *Change) Change {
	kind := TemporaryRenameGroup
	if c.Kind.OfUser() {
		kind = TemporaryRenameUser
	}
	out := Change{Kind: kind, Key: c.Key, ID: c.ID, Name: c.Name}
	for i := range c.Attributes {
		x := &c.Attributes[i]
		unique := x.Path == "userName" || x.Path == "emails.value" || x.Path == "displayName" && kind == TemporaryRenameGroup
		if !unique || x.Old == "" || FoldName(x.Old) == FoldName(x.New) {
			continue
		}
		temporary := temporaryName(x.Path, c.Key)
		out.Attributes = append(out.Attributes, AttributeChange{Path: x.Path, Old: x.Old, New: temporary})
		x.Old = temporary
	}
	c.DependsOn = append(c.DependsOn, out.Ref())
	return out
}

// temporaryName is made from the key, so that the same plan always has the same names and no two objects share one.
func temporaryName(path, key string) string {
	if path == "displayName" {
		return "roster moving " + key
	}
	return strings.ToLower("roster-moving-" + key + "@roster.invalid")
}

// order sorts changes by the order table and lets what others stand on go first.
func order(changes []Change) []Change {
	slices.SortFunc(changes, func(a, b Change) int { return a.Ref().Compare(b.Ref()) })
	g := NewDependencies(changes)
	out := make([]Change, 0, len(changes))
	emitted := make([]bool, len(changes))
	var emit func(i int)
	emit = func(i int) {
		if emitted[i] {
			return
		}
		emitted[i] = true
		g.Each(i, emit)
		out = append(out, changes[i])
	}
	for i := range changes {
		emit(i)
	}
	return out
}

// graph answers what a change stands on. The dependencies of memberships follow from their kind and are not stored: there may be a
// million of them.
type Dependencies struct {
	changes []Change
	byRef   map[Ref]int // all but memberships
}

func NewDependencies(changes []Change) *Dependencies {
	g := &Dependencies{changes: changes, byRef: map[Ref]int{}}
	for i := range changes {
		if changes[i].Member == "" {
			g.byRef[changes[i].Ref()] = i
		}
	}
	return g
}

// each calls f with the index of every change that change i stands on.
func (g *Dependencies) Each(i int, f func(int)) {
	c := &g.changes[i]
	visit := func(kind Kind, key string) {
		if j, ok := g.byRef[Ref{Kind: kind, Key: key}]; ok {
			f(j)
		}
	}
	switch c.Kind {
	case AddMember:
		visit(CreateUser, c.Member)
		visit(AdoptUser, c.Member)
		visit(CreateGroup, c.Key)
		visit(AdoptGroup, c.Key)
	case RemoveMember:
		visit(DeactivateUser, c.Member)
		visit(AdoptUser, c.Member)
		visit(AdoptGroup, c.Key)
	}
	for _, ref := range c.DependsOn {
		if j, ok := g.byRef[ref]; ok {
			f(j)
		}
	}
}
