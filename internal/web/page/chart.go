package page

import (
	"fmt"
	"time"
)

// Chart is a drawing of bars by day. All its words are outside of the drawing.
type Chart struct {
	ID, Title string
	From, To  time.Time
	Series    []Series
	// Max is the height of the drawing as a number.
	Max  int
	Bars []Bar
	Days []Day
}

// Series is what bars of one class count.
type Series struct{ Class, Name string }

// Bar is a rectangle in a drawing of width 1000 and height 100.
type Bar struct {
	Class               string
	X, Y, Width, Height string
}

// Day is a day with the numbers of the series, for the table of the chart.
type Day struct {
	Day    time.Time
	Counts []int
}

// NewChart returns a chart of n days that ends with the day of last. add is called for each thing
// to count: it names its time, series and number.
func NewChart(id, title string, last time.Time, n int, series []Series, things func(add func(time.Time, int,
	int))) *Chart {
	end := last.UTC().Truncate(24 * time.Hour)
	first := end.AddDate(0, 0, 1-n)
	counts := make([][]int, n)
	for i := range counts {
		counts[i] = make([]int, len(series))
	}
	found := false
	things(func(at time.Time, s, number int) {
		i := int(at.UTC().Sub(first) / (24 * time.Hour))
		if at.Before(first) || i >= n || number == 0 {
			return
		}
		counts[i][s] += number
		found = true
	})
	if !found {
		return nil
	}
	c := &Chart{ID: id, Title: title, From: first, To: end, Series: series}
	for _, day := range counts {
		total := 0
		for _, k := range day {
			total += k
		}
		c.Max = max(c.Max, total)
	}
	width := 1000 / float64(n)
	for i, day := range counts {
		top, any := 100.0, false
		for s, k := range day {
			if k == 0 {
				continue
			}
			any = true
			height := max(1, 100*float64(k)/float64(c.Max)) // also the smallest can be seen
			top -= height
			c.Bars = append(c.Bars, Bar{series[s].Class, number(float64(i) * width), number(max(0, top)),
				number(width * 0.8), number(height)})
		}
		if any {
			c.Days = append(c.Days, Day{first.AddDate(0, 0, i), day})
		}
	}
	return c
}

func number(x float64) string { return fmt.Sprintf("%.1f", x) }

// Description is what the chart shows, in words.
func (c *Chart) Description() string {
	text := fmt.Sprintf("Bars from %s to %s. The highest day has %s.", c.From.Format("2 Jan 2006"),
		c.To.Format("2 Jan 2006"), count(c.Max))
	for s, series := range c.Series {
		total := 0
		for _, d := range c.Days {
			total += d.Counts[s]
		}
		text += fmt.Sprintf(" In total %s %s.", count(total), series.Name)
	}
	return text
}
