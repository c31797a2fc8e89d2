package reconcile

// userName is a unique name of a user: the path of the attribute, and the folded value.
type userName struct{ path, name string }

// uniquePaths are the attributes with unique names of users.
var uniquePaths = [...]string{"userName", "emails.value", "externalId"}

// addHolders adds the holders of the names that objects of the part take, and of those that leavers
// have. They are looked for by one pass over the directory.
func (p *part) addHolders() {
	added := p.addUserNames()
	if p.addGroupNames() {
		for i := range p.whole.Observed.Groups {
			g := &p.whole.Observed.Groups[i]
			if p.groupNames["displayName/"+FoldName(g.DisplayName)] ||
				p.groupNames["externalId/"+FoldName(g.ExternalID)] {
				p.groupIDs[g.ID] = true
			}
		}
	}
	if !added {
		return
	}
	for i := range p.whole.Observed.Users {
		u := &p.whole.Observed.Users[i]
		for _, path := range uniquePaths {
			if value, _ := u.Attributes.Get(path); value != "" && p.names[userName{path, FoldName(value)}] {
				p.userIDs[u.ID] = true
			}
		}
	}
}

// addUserNames adds the names that the users of the part take, and those of leavers. It reports
// whether there are new ones.
func (p *part) addUserNames() bool {
	before := len(p.names)
	observed := make(map[string]*RemoteUser, len(p.observedUsers))
	for i := range p.observedUsers {
		observed[p.observedUsers[i].ID] = &p.observedUsers[i]
	}
	for key := range p.users {
		have, want := observed[p.whole.Ledger.Users[key].ID], p.whole.Desired.Users[key]
		for _, path := range uniquePaths {
			has, takes := "", ""
			if have != nil {
				has, _ = have.Attributes.Get(path)
			}
			if want != nil {
				takes, _ = want.Attributes.Get(path)
				if path == "externalId" {
					takes = key
				}
			}
			switch has, takes = FoldName(has), FoldName(takes); {
			case want == nil && has != "":
				p.names[userName{path, has}] = true
			case want != nil && takes != "" && takes != has:
				p.names[userName{path, takes}] = true
			}
		}
	}
	return len(p.names) > before
}

// addGroupNames adds the names that the groups of the part take. It reports whether there are new
// ones.
func (p *part) addGroupNames() bool {
	before := len(p.groupNames)
	observed := make(map[string]*RemoteGroup, len(p.observedGroups))
	for i := range p.observedGroups {
		observed[p.observedGroups[i].ID] = &p.observedGroups[i]
	}
	for key := range p.groups {
		want := p.whole.Desired.Groups[key]
		if want == nil {
			continue
		}
		have := observed[p.whole.Ledger.Groups[key].ID]
		if have == nil || FoldName(have.DisplayName) != FoldName(want.DisplayName) {
			p.groupNames["displayName/"+FoldName(want.DisplayName)] = true
		}
		if have == nil || FoldName(have.ExternalID) != FoldName(key) {
			p.groupNames["externalId/"+FoldName(key)] = true
		}
	}
	return len(p.groupNames) > before
}
