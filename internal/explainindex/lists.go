package explainindex

// nameLists are the lists of names that many users have: of their attributes, and of the SCIM paths
// that a mapping sets. There are few different ones.
type nameLists [][]string

// find returns the number of the list with n names for which same reports true at each position.
func (l nameLists) find(n int, same func(position int, name string) bool) (int, bool) {
	for number, list := range l {
		if len(list) != n {
			continue
		}
		equal := true
		for position := 0; equal && position < n; position++ {
			equal = same(position, list[position])
		}
		if equal {
			return number, true
		}
	}
	return 0, false
}

// at returns the list with a number, which must have n names.
func (l nameLists) at(number, n int) ([]string, error) {
	if number < 0 || number >= len(l) || len(l[number]) != n {
		return nil, errDamaged
	}
	return l[number], nil
}
