package demo

import (
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing/fstest"
	"time"
)

// provisionerFile is where the example declares its provisioner.
const provisionerFile = "provisioners/aws.cue"

var (
	endpointLine = regexp.MustCompile(`endpoint:\s*"http://([^/"]+)/([^/"]+)/scim/v2"`)
	scheduleLine = regexp.MustCompile(`schedule:\s*"[^"]*"`)
)

// rewrite points the example's provisioner at address, lets it run every minute and as fast as it can, and returns the tenant of its
// endpoint.
func rewrite(content fs.FS, address string) (fs.FS, string, error) {
	out := fstest.MapFS{}
	err := fs.WalkDir(content, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(content, name)
		out[name] = &fstest.MapFile{Data: b, Mode: 0o644}
		return err
	})
	if err != nil {
		return nil, "", fmt.Errorf("copy the example: %w", err)
	}
	file := out[provisionerFile]
	if file == nil {
		return nil, "", fmt.Errorf("the example has no %s", provisionerFile)
	}
	text := string(file.Data)
	found := endpointLine.FindStringSubmatch(text)
	if found == nil || !scheduleLine.MatchString(text) {
		return nil, "", fmt.Errorf("the example's %s has no endpoint on loopback, or no schedule", provisionerFile)
	}
	text = strings.Replace(text, found[1], address, 1)
	text = scheduleLine.ReplaceAllLiteralString(text, "schedule:     \"* * * * *\"\n\trate: {perSecond: 0}")
	file.Data = []byte(text)
	return out, found[2], nil
}

// expected is what AWS must have after the first sync: the members of each group. It was written by hand from what the example says
// of nested groups, rules, dates and people who are locked or inactive, so that roster is not the judge of its own arithmetic.
var expected = map[string][]string{
	"Platform":         {"alice", "bram", "chiara", "daniel", "elif", "grace", "ines", "jan"}, // not finn, who is locked, nor hugo, who is inactive
	"Site Reliability": {"chiara", "daniel", "grace", "ines"},
	"Engineering":      {"olga", "pablo", "quinn", "rosa", "sven", "tomas", "uma", "victor", "wanjiru", "yara", "zofia"}, // not xavier: locked
	"Security":         {"karin", "liam", "mei", "nikhil"},
	"Break Glass":      {"alice", "chiara", "karin"},
	"Finance":          {"anders", "beatriz", "cem", "dora"},
	"Sales":            {"emma", "farid", "gita", "henrik"}, // not irina: inactive
	"Support":          {"jonas", "kemi", "lucia", "marek", "noor", "pablo"},
}

// dated are the memberships of expected that have a first or a last day; "" is all groups.
var dated = []struct{ group, user, from, until string }{
	{"", "zofia", "2026-09-01", ""},
	{"", "ines", "", "2027-06-30"},
	{"", "jan", "", "2027-12-31"},
	{"Support", "pablo", "", "2027-03-31"},
}

// contractors have addresses of their own.
var contractors = []string{"ines", "jan"}

func userName(userID string) string {
	if slices.Contains(contractors, userID) {
		return userID + "@ext.example.com"
	}
	return userID + "@example.com"
}

// expectedAt returns the groups with the userNames of their members on a day as the example's timezone has it, "2027-01-31".
func expectedAt(day string) map[string][]string {
	out := map[string][]string{}
	for group, users := range expected {
		out[group] = []string{}
		for _, user := range users {
			absent := false
			for _, d := range dated {
				if d.user == user && (d.group == "" || d.group == group) && (day < d.from || d.until != "" && day > d.until) {
					absent = true
				}
			}
			if !absent {
				out[group] = append(out[group], userName(user))
			}
		}
		slices.Sort(out[group])
	}
	return out
}

// today is the day in the example's timezone.
func today() string {
	zone, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		zone = time.UTC
	}
	return time.Now().In(zone).Format(time.DateOnly)
}
