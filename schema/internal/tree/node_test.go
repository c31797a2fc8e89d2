package tree

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// generate makes a node of the given depth from bytes, and returns the rest of them. Few names and
// texts make collisions likely.
func generate(data []byte, depth int) (*Node, []byte) {
	if len(data) == 0 {
		return &Node{Kind: Null}, nil
	}
	k, rest := Kind(data[0]%8), data[1:]
	n := &Node{Kind: k}
	switch k {
	case Bool:
		n.Text = fmt.Sprint(data[0] >= 128)
	case Int, Float, String:
		n.Text = fmt.Sprint(data[0] / 64)
	case Struct, List:
		b := NewBuilder(Position{}, 0)
		for i := range int(data[0] / 8 % 16) {
			if depth == 0 || len(rest) < 2 {
				break
			}
			name := string(rune('a' + rest[0]%20))
			var value *Node
			if value, rest = generate(rest[1:], depth-1); k == List {
				n.Fields = append(n.Fields, Field{Value: value})
			} else if b.Lookup(name) == nil {
				b.Add(Field{Name: name, At: Position{Line: int32(i)}, Value: value}, nil)
			}
		}
		if k == Struct {
			n = b.Node
		}
	}
	return n, rest
}

// content returns the content of a node without positions and the order of fields.
func content(n *Node) string {
	switch n.Kind {
	case Struct:
		var fields []string
		for _, f := range n.Fields {
			fields = append(fields, f.Name+":"+content(f.Value))
		}
		slices.Sort(fields)
		return "{" + strings.Join(fields, ",") + "}"
	case List:
		var elements []string
		for _, f := range n.Fields {
			elements = append(elements, content(f.Value))
		}
		return "[" + strings.Join(elements, ",") + "]"
	case Int, Float:
		return n.Text // 1 and 1.0 unify
	}
	return fmt.Sprint(n.Kind, n.Text)
}

// FuzzUnify checks the laws of unification: it does not depend on the order, and a value unifies
// with itself.
func FuzzUnify(f *testing.F) {
	f.Add([]byte{0x7d, 1, 2, 3, 4, 5, 6, 7}, []byte{0x7d, 1, 2, 9, 4})
	f.Add([]byte("some text with many bytes in it"), []byte("another text"))
	f.Fuzz(func(t *testing.T, x, y []byte) {
		a, _ := generate(x, 3)
		b, _ := generate(y, 3)
		if a.HasInvalid() || b.HasInvalid() {
			return
		}
		conflicts := 0
		count := func(string, *Node, *Node) { conflicts++ }
		if same := unify("", a.Copy(Position{}), a.Copy(Position{}), count); conflicts > 0 ||
			content(same) != content(a) {
			t.Fatalf("%s with itself: %d conflicts, %s", content(a), conflicts, content(same))
		}
		ab := unify("", a.Copy(Position{}), b.Copy(Position{}), count)
		forward := conflicts
		ba := unify("", b.Copy(Position{}), a.Copy(Position{}), count)
		if backward := conflicts - forward; forward != backward {
			t.Fatalf("%s and %s: %d conflicts, in the other order %d", content(a), content(b), forward, backward)
		}
		if forward == 0 && content(ab) != content(ba) {
			t.Errorf("%s and %s:\n%s, in the other order\n%s", content(a), content(b), content(ab), content(ba))
		}
	})
}

func TestLongValuesAreShortenedInMessages(t *testing.T) {
	for _, row := range []struct{ name, value, want string }{
		{"a short value is quoted", "a\tb", `"a\tb"`},
		{"a long text is cut", strings.Repeat("ab ", 50), `"` + strings.Repeat("ab ", 33) + `a"...`},
		{"a long word may be a token, and is not shown", strings.Repeat("x", 150), "150 characters"},
	} {
		if got := Quote(row.value); got != row.want {
			t.Errorf("%s: got %s, want %s", row.name, got, row.want)
		}
	}
}

func TestNumbersThatCannotBeExpandedHaveNoValue(t *testing.T) {
	for text, want := range map[string]bool{"1": true, "1.5e3": true, "1e999999999": false, "1e-5000": false,
		strings.Repeat("9", 2000): false} {
		if _, ok := (&Node{Kind: Float, Text: text}).Number(); ok != want {
			t.Errorf("the number %.20s has a value: %v, want %v", text, ok, want)
		}
	}
}
