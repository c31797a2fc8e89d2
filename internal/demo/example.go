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

// provisionerFile is the file of the example that declares its provisioner.
const provisionerFile = "provisioners/aws.cue"

var (
	endpointLine = regexp.MustCompile(`endpoint:\s*"http://([^/"]+)/([^/"]+)/scim/v2"`)
	scheduleLine = regexp.MustCompile(`schedule:\s*"[^"]*"`)
)

// rewrite changes the example's provisioner: its endpoint is at address, and it runs every minute
// without a rate limit. It returns the tenant of the endpoint.
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
		return nil, "", fmt.Errorf("%s of the example has no endpoint on loopback, or no schedule", provisionerFile)
	}
	text = strings.Replace(text, found[1], address, 1)
	text = scheduleLine.ReplaceAllLiteralString(text, "schedule:     \"* * * * *\"\n\trate: {perSecond: 0}")
	file.Data = []byte(text)
	return out, found[2], nil
}

// expected are the members of each group in AWS after the first sync. It was written by hand from
// the example, with its nested groups, rules, dates and locked or inactive users, so that roster
// does not verify its own result.
var expected = map[string][]string{
	// finn is locked and hugo is inactive.
	"Platform":         {"alice", "bram", "chiara", "daniel", "elif", "grace", "ines", "jan"},
	"Site Reliability": {"chiara", "daniel", "grace", "ines"},
	// xavier is locked.
	"Engineering": {
		"olga", "pablo", "quinn", "rosa", "sven", "tomas", "uma", "victor", "wanjiru", "yara", "zofia",
	},
	"Security":    {"karin", "liam", "mei", "nikhil"},
	"Break Glass": {"alice", "chiara", "karin"},
	"Finance":     {"anders", "beatriz", "cem", "dora"},
	"Sales":       {"emma", "farid", "gita", "henrik"}, // irina is inactive
	"Support":     {"jonas", "kemi", "lucia", "marek", "noor", "pablo"},
}

// dated are the memberships that have a first or a last day; the group "" means all groups.
var dated = []struct{ group, user, from, until string }{
	{"", "zofia", "2026-09-01", ""},
	{"", "ines", "", "2027-06-30"},
	{"", "jan", "", "2027-12-31"},
	{"Support", "pablo", "", "2027-03-31"},
}

// contractors have email addresses in another domain.
var contractors = []string{"ines", "jan"}

func userName(userID string) string {
	if slices.Contains(contractors, userID) {
		return userID + "@ext.example.com"
	}
	return userID + "@example.com"
}

// expectedAt returns the groups with the userNames of their members on a day in the example's time
// zone, such as "2027-01-31".
func expectedAt(day string) map[string][]string {
	out := map[string][]string{}
	for group, users := range expected {
		out[group] = []string{}
		for _, user := range users {
			absent := false
			for _, d := range dated {
				applies := d.user == user && (d.group == "" || d.group == group)
				if applies && (day < d.from || d.until != "" && day > d.until) {
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

// today returns the current day in the example's time zone.
func today() string {
	zone, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		zone = time.UTC
	}
	return time.Now().In(zone).Format(time.DateOnly)
}
