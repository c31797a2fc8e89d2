package reconcile

import (
	"slices"
	"strings"
)

// names returns the unique names that a change takes and frees. Users are unique by userName, email
// address and externalId, groups by displayName and externalId. Only a creation takes an
// externalId: no other change waits until one is free.
func (c *Change) names() (takes, frees []string) {
	space := "group/"
	if c.Kind.OfUser() {
		space = "user/"
	}
	for _, a := range c.Attributes {
		switch a.Path {
		case "userName", "emails.value", "displayName", "externalId":
			if a.Path == "displayName" && space == "user/" {
				continue
			}
			if a.Path == "externalId" && c.Kind.Action() != ActionCreate {
				if a.Old != "" {
					frees = append(frees, space+a.Path+"/"+FoldName(a.Old))
				}
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
				frees = append(frees, name+FoldName(a.Old))
			}
		}
	}
	return takes, frees
}

// TakesName reports whether the change takes a unique name.
func (c *Change) TakesName() bool {
	takes, _ := c.names()
	return len(takes) > 0
}

// freedNames returns the unique names that a change frees. A deletion does not list the names of
// its object; they are looked up in a.
func freedNames(c *Change, a State) []string {
	if c.Kind.Action() != ActionDelete || c.Kind.OfMembership() {
		_, frees := c.names()
		return frees
	}
	if c.Kind.OfUser() {
		out := []string{"user/userName/" + FoldName(c.Name)}
		if u := a.Users[c.Key]; u != nil {
			if mail, ok := u.Attributes.Get("emails.value"); ok {
				out = append(out, "user/emails.value/"+FoldName(mail))
			}
			out = append(out, "user/externalId/"+FoldName(u.ExternalID()))
		}
		return out
	}
	out := []string{"group/displayName/" + FoldName(c.Name)}
	if g := a.Groups[c.Key]; g != nil {
		out = append(out, "group/externalId/"+FoldName(g.ExternalID))
	}
	return out
}

// orderNameChanges makes each change that takes a name depend on the change that frees it. Each
// cycle of such changes is broken by one temporary rename.
func orderNameChanges(changes []Change, a State) []Change {
	freedBy := map[string]int{}
	for i := range changes {
		for _, name := range freedNames(&changes[i], a) {
			freedBy[name] = i
		}
	}
	if len(freedBy) == 0 {
		return changes
	}
	waits := map[int][]int{} // change -> changes that must come first
	for i := range changes {
		takes, _ := changes[i].names()
		for _, name := range takes {
			if j, ok := freedBy[name]; ok && changes[j].Key != changes[i].Key && !slices.Contains(waits[i], j) {
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
			changes[i].dependOn(ref)
		}
		changes[i].decide(func(d *Decision) {
			d.DependsOn = slices.SortedFunc(slices.Values(d.DependsOn), Ref.Compare)
		})
	}
	return changes
}

// cycles returns one change of each cycle among waits: the one whose object is renamed temporarily.
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

// temporaryRename returns the change that gives the object of c temporary names, and makes c start
// from these names.
func temporaryRename(c *Change) Change {
	kind := TemporaryRenameGroup
	if c.Kind.OfUser() {
		kind = TemporaryRenameUser
	}
	out := Change{Kind: kind, Key: c.Key, ID: c.ID, Name: c.Name}
	for i := range c.Attributes {
		x := &c.Attributes[i]
		unique := x.Path == "userName" || x.Path == "emails.value" ||
			x.Path == "displayName" && kind == TemporaryRenameGroup
		if !unique || x.Old == "" || FoldName(x.Old) == FoldName(x.New) {
			continue
		}
		temporary := temporaryName(x.Path, c.Key)
		out.Attributes = append(out.Attributes, AttributeChange{Path: x.Path, Old: x.Old, New: temporary})
		x.Old = temporary
	}
	c.dependOn(out.Ref())
	return out
}

// temporaryName returns the temporary value of an attribute. It contains the key, so that a plan
// always has the same names and no two objects get the same name.
func temporaryName(path, key string) string {
	if path == "displayName" {
		return "roster moving " + key
	}
	return strings.ToLower("roster-moving-" + key + "@roster.invalid")
}

// order sorts changes by kind and moves changes before those that depend on them.
func order(changes []Change) []Change {
	arrange(changes, sorted(changes))
	g := NewDependencies(changes)
	emitted := make([]bool, len(changes))
	list := make([]int32, 0, len(changes))
	var emit func(i int)
	emit = func(i int) {
		if emitted[i] {
			return
		}
		emitted[i] = true
		g.Each(i, emit)
		list = append(list, int32(i))
	}
	for i := range changes {
		if c := &changes[i]; !emitted[i] && c.Kind.followsDependencies() && len(c.DependsOn()) == 0 {
			emitted[i] = true // the changes that it depends on have a lower rank
			list = append(list, int32(i))
		} else {
			emit(i)
		}
	}
	arrange(changes, list)
	return changes
}

// followsDependencies reports whether the order of kinds alone puts a membership after the changes
// that its kind makes it depend on.
func (k Kind) followsDependencies() bool {
	info := k.Info()
	if info.Object != ObjectMembership {
		return false
	}
	for _, kinds := range [2][]Kind{info.AfterUser, info.AfterGroup} {
		for _, before := range kinds {
			if before.Info().Rank >= info.Rank {
				return false
			}
		}
	}
	return true
}

// sorted returns the indexes of changes in the order of their references. It takes the ranks apart
// first, because Diff lists the changes of most kinds in that order.
func sorted(changes []Change) []int32 {
	var ends [maxRank + 2]int // of the changes of each rank
	for i := range changes {
		ends[rankOf(&changes[i])+1]++
	}
	for rank := range maxRank + 1 {
		ends[rank+1] += ends[rank]
	}
	list := make([]int32, len(changes))
	begin := ends
	for i := range changes {
		rank := rankOf(&changes[i])
		list[ends[rank]] = int32(i)
		ends[rank]++
	}
	compare := func(i, j int32) int { return changes[i].Ref().Compare(changes[j].Ref()) }
	for rank := range maxRank + 1 {
		if part := list[begin[rank]:ends[rank]]; !slices.IsSortedFunc(part, compare) {
			slices.SortFunc(part, compare)
		}
	}
	return list
}

// maxRank is the highest rank in the table of kinds.
const maxRank = 10

func rankOf(c *Change) int { return min(c.Kind.Info().Rank, maxRank) }

// arrange moves changes so that the one at index list[i] is at i afterward. It copies no list of
// changes, because there may be a million, and uses up list.
func arrange(changes []Change, list []int32) {
	for start := range list {
		first := changes[start]
		i := start
		for {
			from := int(list[i])
			list[i] = int32(i)
			if from == start || from == i {
				break
			}
			changes[i] = changes[from]
			i = from
		}
		if i != start {
			changes[i] = first
		}
	}
}

// Dependencies lists the changes that each change depends on. The dependencies of memberships
// follow from their kind. They are not stored, because there may be a million memberships.
type Dependencies struct {
	changes       []Change
	users, groups map[string][]int32 // the changes of each user and group, without memberships, by key
	removals      map[string][]int   // the removals of memberships of released users, by user
}

// NewDependencies returns the dependencies among changes.
func NewDependencies(changes []Change) *Dependencies {
	d := &Dependencies{changes: changes, users: map[string][]int32{}, groups: map[string][]int32{},
		removals: map[string][]int{}}
	indexes := make([]int32, len(changes)) // one list for all, because most objects have one change
	for i := range changes {
		if c := &changes[i]; c.Member == "" {
			of := d.objects(c.Kind)
			if list, found := of[c.Key]; found {
				of[c.Key] = append(list, int32(i))
			} else {
				indexes[i] = int32(i)
				of[c.Key] = indexes[i : i+1 : i+1]
			}
		}
		if changes[i].Kind == ReleaseUser {
			d.removals[changes[i].Key] = nil
		}
	}
	if len(d.removals) == 0 {
		return d
	}
	for i := range changes {
		if c := &changes[i]; c.Kind == RemoveMember {
			if list, released := d.removals[c.Member]; released {
				d.removals[c.Member] = append(list, i)
			}
		}
	}
	return d
}

// objects returns the changes of users or of groups.
func (d *Dependencies) objects(kind Kind) map[string][]int32 {
	if kind.OfUser() {
		return d.users
	}
	return d.groups
}

// Each calls f with the index of every change that change i depends on.
func (d *Dependencies) Each(i int, f func(int)) {
	c := &d.changes[i]
	info := c.Kind.Info()
	d.visit(d.users, c.Member, info.AfterUser, f)
	d.visit(d.groups, c.Key, info.AfterGroup, f)
	if c.Kind == ReleaseUser { // otherwise the next run would remove an unmanaged member, which no gate protects
		for _, j := range d.removals[c.Key] {
			f(j)
		}
	}
	for _, ref := range c.DependsOn() {
		if j, ok := d.find(ref.Kind, ref.Key); ok && ref.Member == "" {
			f(j)
		}
	}
}

// visit calls f with the changes of one object that have one of the kinds, in the order of the
// kinds.
func (d *Dependencies) visit(of map[string][]int32, key string, kinds []Kind, f func(int)) {
	if len(kinds) == 0 {
		return
	}
	list := of[key]
	for _, kind := range kinds {
		if j, ok := d.last(list, kind); ok {
			f(j)
		}
	}
}

// find returns the change of a kind and a key, which is no membership.
func (d *Dependencies) find(kind Kind, key string) (int, bool) {
	return d.last(d.objects(kind)[key], kind)
}

// last returns the last change of a kind in a list.
func (d *Dependencies) last(list []int32, kind Kind) (int, bool) {
	for _, j := range slices.Backward(list) {
		if d.changes[j].Kind == kind {
			return int(j), true
		}
	}
	return 0, false
}
