package page

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// colors returns the colors of a theme by their name: of the first block of variables, or with dark
// set also of the second.
func colors(t *testing.T, dark bool) map[string]string {
	t.Helper()
	light, rest, ok := strings.Cut(string(Style), "@media (prefers-color-scheme: dark)")
	if !ok {
		t.Fatal("the style sheet has no dark theme")
	}
	night, _, _ := strings.Cut(rest, "\n}\n")
	blocks := []string{light}
	if dark {
		blocks = append(blocks, night)
	}
	out := map[string]string{}
	for _, block := range blocks {
		for _, m := range regexp.MustCompile(`--([a-z-]+): (#[0-9a-f]{3,6});`).FindAllStringSubmatch(block, -1) {
			out[m[1]] = m[2]
		}
	}
	return out
}

// luminance is the relative luminance of a color (WCAG 2.2).
func luminance(t *testing.T, color string) float64 {
	t.Helper()
	hex := strings.TrimPrefix(color, "#")
	if len(hex) == 3 {
		hex = fmt.Sprintf("%[1]c%[1]c%[2]c%[2]c%[3]c%[3]c", hex[0], hex[1], hex[2])
	}
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, err := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
		if err != nil {
			t.Fatalf("%q is no color", color)
		}
		c := float64(n) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}

// TestTextHasContrast computes the contrast of each color of text on each surface that it is on.
func TestTextHasContrast(t *testing.T) {
	surfaces := []string{"page", "sheet", "sunk"}
	for _, dark := range []bool{false, true} {
		have := colors(t, dark)
		for _, row := range []struct {
			text string
			on   []string
			want float64
		}{
			{"ink", surfaces, 4.5}, {"second", surfaces, 4.5}, {"link", surfaces, 4.5}, {"on-link", []string{"link"},
				4.5},
			{"gain", append([]string{"gain-tint"}, surfaces...), 4.5},
			{"lose", append([]string{"lose-tint"}, surfaces...), 4.5},
			{"held", append([]string{"held-tint"}, surfaces...), 4.5},
			{"bad", append([]string{"bad-tint"}, surfaces...), 4.5},
			{"on-bad", []string{"bad"}, 4.5},
			{"edge", surfaces, 3}, // the borders of fields
		} {
			for _, surface := range row.on {
				a, b := luminance(t, have[row.text]), luminance(t, have[surface])
				if ratio := (max(a, b) + 0.05) / (min(a, b) + 0.05); ratio < row.want {
					t.Errorf("dark %t: %s on %s has the contrast %.2f, want at least %.1f", dark, row.text, surface,
						ratio, row.want)
				}
			}
		}
	}
}

func TestNumbersHaveSeparators(t *testing.T) {
	for n, want := range map[int]string{0: "0", 7: "7", 999: "999", 1000: "1,000", 30680: "30,680",
		1234567: "1,234,567",
		-1:      "-1", -1000: "-1,000", -123456: "-123,456"} {
		if got := count(n); got != want {
			t.Errorf("count(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestAChartCountsByDay(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	spec := ChartSpec{ID: "x", Title: "Changes", Last: now, N: 10, Step: 24 * time.Hour,
		Series: []Series{{"c-done", "applied"}, {"c-held", "held"}}}
	c := NewChart(spec, func(add func(time.Time, int, int)) {
		add(now, 0, 6)
		add(now.Add(-13*time.Hour), 0, 1) // the day before
		add(now.AddDate(0, 0, -9), 1, 3)  // the first day
		add(now.AddDate(0, 0, -10), 1, 99)
		add(now.AddDate(0, 0, 1), 1, 99)
		add(now, 1, 2)
		add(now, 0, 0)
	})
	got := ""
	for _, d := range c.Rows {
		got += fmt.Sprintf("%s %v; ", d.Time.Format(time.DateOnly), d.Counts)
	}
	if want := "2026-11-14 [0 3]; 2026-11-22 [1 0]; 2026-11-23 [6 2]; "; got != want || c.Max != 8 {
		t.Errorf("got %s at most %d, want %s at most 8", got, c.Max, want)
	}
	if want := (Bar{"c-done", "900.0", "25.0", "80.0", "75.0"}); c.Bars[2] != want || len(c.Bars) != 4 {
		t.Errorf("got %+v, want 4 bars with %+v", c.Bars, want)
	}
	if text := c.Description(); !strings.Contains(text, "at most 8 in a day. In total 7 applied. In total 5 held.") {
		t.Errorf("the description is %q", text)
	}
	if c := NewChart(spec, func(func(time.Time, int, int)) {}); c != nil {
		t.Errorf("without anything to count there is %+v", c)
	}
}

func TestAChartOfALevelHasItsChangesInTheTable(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	spec := ChartSpec{ID: "x", Title: "Members", Unit: "members", Last: now, N: 4, Step: time.Hour, Level: true,
		Series: []Series{{"c-plain", "members"}}}
	c := NewChart(spec, func(add func(time.Time, int, int)) {
		for i, n := range []int{2, 2, 5, 5} {
			add(now.Add(time.Duration(i-3)*time.Hour), 0, n)
		}
	})
	if len(c.Bars) != 4 || len(c.Rows) != 2 || c.Rows[1].Counts[0] != 5 || c.Label(c.Rows[1].Time) != "23 Nov 11:00" {
		t.Errorf("got %+v with %+v", c.Bars, c.Rows)
	}
	if text := c.Description(); text != "Bars from 23 Nov 09:00 to 23 Nov 12:00, at most 5 members." {
		t.Errorf("the description is %q", text)
	}
}
