package declaration

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// ValueText returns the value of a user's field or of a rule as it is written in declarations:
// "Berlin", true, 7, ["BER", "MUC"].
func ValueText(v any) string {
	switch v := v.(type) {
	case string:
		return strconv.Quote(v)
	case []string:
		return "[" + tree.QuoteList(v) + "]"
	case []any:
		texts := make([]string, len(v))
		for i := range v {
			texts[i] = ValueText(v[i])
		}
		return "[" + strings.Join(texts, ", ") + "]"
	}
	return fmt.Sprint(v)
}
