package page

import (
	"fmt"
	"slices"
	"time"
)

// Chart is a drawing of bars by hour, day or week. All its words are outside of the drawing.
type Chart struct {
	ChartSpec
	From, To time.Time // when the first and the last bar begin
	// Max is the height of the drawing as a number.
	Max  int
	Bars []Bar
	Rows []ChartValues
}

// ChartSpec says what a chart shows.
type ChartSpec struct {
	ID, Title string
	// Note is a sentence below the title: what is counted, and what is not.
	Note string
	// Last is in the last bar. N is the number of bars. Each is Step long: an hour, a day or a
	// week.
	Last time.Time
	N    int
	Step time.Duration
	// Unit is the plural of what is counted; "" if the names of the series say it.
	Unit string
	// Level is true if each bar is a state at its end, so that bars are not added.
	Level  bool
	Series []Series
}

// Series is what bars of one class count.
type Series struct{ Class, Name string }

// Bar is a rectangle in a drawing of width 1000 and height 100.
type Bar struct {
	Class               string
	X, Y, Width, Height string
}

// ChartValues are the numbers of the series in one bar, for the table of the chart.
type ChartValues struct {
	Time   time.Time
	Counts []int
}

// NewChart returns a chart; nil if there is nothing to count. add is called for each thing to
// count: it names its time, series and number.
func NewChart(spec ChartSpec, things func(add func(at time.Time, series, number int))) *Chart {
	end := spec.Last.UTC().Truncate(spec.Step)
	first := end.Add(time.Duration(1-spec.N) * spec.Step)
	counts := make([][]int, spec.N)
	for i := range counts {
		counts[i] = make([]int, len(spec.Series))
	}
	found := false
	things(func(at time.Time, s, number int) {
		i := int(at.UTC().Sub(first) / spec.Step)
		if at.Before(first) || i >= spec.N || number == 0 {
			return
		}
		counts[i][s] += number
		found = true
	})
	if !found {
		return nil
	}
	c := &Chart{ChartSpec: spec, From: first, To: end}
	for _, bar := range counts {
		total := 0
		for _, k := range bar {
			total += k
		}
		c.Max = max(c.Max, total)
	}
	c.draw(counts)
	return c
}

// draw makes the bars and the rows of the table. Of a level, the table has the changes only.
func (c *Chart) draw(counts [][]int) {
	width := 1000 / float64(c.N)
	for i, bar := range counts {
		top, any := 100.0, false
		for s, k := range bar {
			if k == 0 {
				continue
			}
			any = true
			height := max(1, 100*float64(k)/float64(c.Max)) // also the smallest can be seen
			top -= height
			c.Bars = append(c.Bars, Bar{c.Series[s].Class, number(float64(i) * width), number(max(0, top)),
				number(width * 0.8), number(height)})
		}
		if c.Level {
			any = i == 0 || !slices.Equal(bar, counts[i-1])
		}
		if any {
			c.Rows = append(c.Rows, ChartValues{c.From.Add(time.Duration(i) * c.Step), bar})
		}
	}
}

func number(x float64) string { return fmt.Sprintf("%.1f", x) }

// Per is what a bar is: an hour, a day or a week.
func (c *Chart) Per() string {
	switch c.Step {
	case time.Hour:
		return "hour"
	case 7 * 24 * time.Hour:
		return "week"
	}
	return "day"
}

// Label returns the time of a bar as text.
func (c *Chart) Label(t time.Time) string {
	if c.Step == time.Hour {
		return t.UTC().Format("2 Jan 15:04")
	}
	return t.UTC().Format("2 Jan 2006")
}

// Height says what the highest bar is.
func (c *Chart) Height() string {
	text := "at most " + count(c.Max)
	if c.Unit != "" {
		text += " " + c.Unit
	}
	if !c.Level {
		text += " in a " + c.Per()
	}
	return text
}

// Description is what the chart shows, in words.
func (c *Chart) Description() string {
	text := fmt.Sprintf("Bars from %s to %s, %s.", c.Label(c.From), c.Label(c.To), c.Height())
	if c.Level {
		return text
	}
	for s, series := range c.Series {
		total := 0
		for _, row := range c.Rows {
			total += row.Counts[s]
		}
		text += fmt.Sprintf(" In total %s %s.", count(total), series.Name)
	}
	return text
}
