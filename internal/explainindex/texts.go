package explainindex

// textTable numbers texts that occur often: files, keys of groups, dates, reasons, SCIM paths. The
// text "" has the number 0.
type textTable struct {
	numbers map[string]uint64
	list    []string
	// last and lastNumber are those of the last call: files come many times in a row.
	last       string
	lastNumber uint64
}

func newTextTable() *textTable {
	return &textTable{numbers: map[string]uint64{"": 0}, list: []string{""}}
}

func (t *textTable) number(text string) uint64 {
	if text == t.last {
		return t.lastNumber
	}
	n, found := t.numbers[text]
	if !found {
		n = uint64(len(t.list))
		t.numbers[text] = n
		t.list = append(t.list, text)
	}
	t.last, t.lastNumber = text, n
	return n
}

// texts are the texts of a table.
type texts []string

// at returns the text of a number.
func (t texts) at(number uint64) (string, error) {
	if number >= uint64(len(t)) {
		return "", errDamaged
	}
	return t[number], nil
}
