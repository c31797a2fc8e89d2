package declaration

import (
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/internal/civil"
)

// WindowOpen reports whether the provisioner may write at now. If it may not, opens is when the
// next window opens. Without windows it may always write. Times of day are in the provisioner's
// timezone.
func (p *Provisioner) WindowOpen(now time.Time) (open bool, opens time.Time) {
	if len(p.Windows) == 0 {
		return true, time.Time{}
	}
	windows := make([]civil.Window, 0, len(p.Windows))
	for _, w := range p.Windows {
		windows = append(windows, w.civil())
	}
	open, opens = civil.Open(windows, now, p.Timezone)
	return open, opens.UTC()
}

// civil converts a window that Load has accepted.
func (w *Window) civil() civil.Window {
	var out civil.Window
	out.From, _ = civil.ParseTimeOfDay(w.From)
	out.To, _ = civil.ParseTimeOfDay(w.To)
	for day := time.Sunday; day <= time.Saturday; day++ {
		for _, name := range w.Days {
			if strings.EqualFold(name, day.String()) {
				out.Days = append(out.Days, day)
			}
		}
	}
	return out
}
