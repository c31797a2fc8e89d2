package schema

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// company makes an organisation of n users, n/10 groups and 10 members a user, in a format: "jsonl", "csv", "yaml", "cue" (1000 records a file).
func company(t testing.TB, n int, format string) fstest.MapFS {
	files := base(t)
	put := func(name, text string) { files[name] = &fstest.MapFile{Data: []byte(text), Mode: 0o644} }
	var b strings.Builder
	flush := func(name string) { put(name, b.String()); b.Reset() }
	const chunk = 1000
	for i := range n {
		key, first, last, title := fmt.Sprintf("p-%06d", i), fmt.Sprintf("First%d", i), fmt.Sprintf("Last%d", i), fmt.Sprintf("dept-%d", i%97)
		if i%chunk == 0 {
			switch format {
			case "cue":
				b.WriteString("package roster\n\n")
			case "csv":
				b.WriteString("key,userId,firstName,lastName,email,state,attributes.department,attributes.level\n")
			}
		}
		switch format {
		case "cue":
			fmt.Fprintf(&b, "users: %q: {userId: \"user%d\", firstName: %q, lastName: %q, email: \"user%d@example.com\", state: \"ACTIVE\", attributes: {department: %q, level: %d}}\n", key, i, first, last, i, title, i%9)
		case "yaml":
			fmt.Fprintf(&b, "%s:\n  userId: user%d\n  firstName: %s\n  lastName: %s\n  email: user%d@example.com\n  state: ACTIVE\n  attributes:\n    department: %s\n    level: %d\n", key, i, first, last, i, title, i%9)
		case "csv":
			fmt.Fprintf(&b, "%s,user%d,%s,%s,user%d@example.com,ACTIVE,%s,%d\n", key, i, first, last, i, title, i%9)
		default:
			fmt.Fprintf(&b, `{"key": %q, "userId": "user%d", "firstName": %q, "lastName": %q, "email": "user%d@example.com", "state": "ACTIVE", "attributes": {"department": %q, "level": %d}}`+"\n", key, i, first, last, i, title, i%9)
		}
		if i%chunk == chunk-1 || i == n-1 {
			flush(fmt.Sprintf("users/%03d.%s", i/chunk, format))
		}
	}
	groups := n / 10
	for g := range groups {
		if g%100 == 0 {
			switch format {
			case "cue":
				b.WriteString("package roster\n\n")
			case "csv":
				b.WriteString("key,displayName\n")
			}
		}
		var members []string
		for k := range 100 {
			members = append(members, fmt.Sprintf("p-%06d", (g*37+k*101)%n))
		}
		name := fmt.Sprintf("Group %d", g)
		switch format {
		case "cue":
			fmt.Fprintf(&b, "groups: \"g-%d\": {displayName: %q, members: {\n", g, name)
			for _, m := range members {
				fmt.Fprintf(&b, "\t%q: {}\n", m)
			}
			b.WriteString("}}\n")
		case "yaml":
			fmt.Fprintf(&b, "g-%d:\n  displayName: %s\n  members:\n", g, name)
			for _, m := range members {
				fmt.Fprintf(&b, "    %s: {}\n", m)
			}
		case "csv":
			fmt.Fprintf(&b, "g-%d,%s\n", g, name)
		default:
			fmt.Fprintf(&b, `{"key": "g-%d", "displayName": %q, "members": {`, g, name)
			for i, m := range members {
				if i > 0 {
					b.WriteByte(',')
				}
				fmt.Fprintf(&b, "%q: {}", m)
			}
			b.WriteString("}}\n")
		}
		if g%100 == 99 || g == groups-1 {
			flush(fmt.Sprintf("groups/%03d.%s", g/100, format))
		}
	}
	if format == "csv" {
		b.WriteString("group,user\n")
		for g := range groups {
			for k := range 100 {
				fmt.Fprintf(&b, "g-%d,p-%06d\n", g, (g*37+k*101)%n)
			}
		}
		flush("groups/members.csv")
	}
	put("everyone.cue", "package roster\n\ngroups: everyone: {displayName: \"Everyone\", where: state: [\"ACTIVE\", \"LOCKED\", \"INACTIVE\"]}\nprovisioners: prod: {}\n")
	text := string(files["provisioners.cue"].Data)
	put("provisioners.cue", strings.Replace(text, `groups: ["all"]`, `groups: ["everyone"]`, 1))
	return files
}

func BenchmarkLoad(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		for _, format := range []string{"jsonl", "csv", "yaml", "cue"} {
			b.Run(fmt.Sprintf("users=%d/%s", n, format), func(b *testing.B) {
				files := company(b, n, format)
				b.ReportAllocs()
				b.ResetTimer()
				for b.Loop() {
					if _, err := Load(files); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkLoadCUE is a Load that goes through CUE for every user, because each is computed.
func BenchmarkLoadCUE(b *testing.B) {
	files := company(b, 1000, "cue")
	for name, f := range files {
		if strings.HasPrefix(name, "users/") {
			f.Data = []byte(strings.ReplaceAll(string(f.Data), `": {userId`, `": _staff & {userId`))
		}
	}
	files["staff.cue"] = &fstest.MapFile{Data: []byte("package roster\n\n_staff: state: \"ACTIVE\"\n")}
	for b.Loop() {
		if _, err := Load(files); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMap(b *testing.B) {
	d := example(b)
	m := d.Mappings["aws"]
	u := d.Users["u-1009"]
	groups := []string{"platform", "sre"}
	b.Run("compiled", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := m.Map(u, groups); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("CUE", func(b *testing.B) {
		slow := *m
		slow.program = m.program.(*compiledProgram).cue
		for b.Loop() {
			if _, err := slow.Map(u, groups); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkMembership(b *testing.B) {
	d, err := Load(company(b, 10_000, "jsonl"))
	if err != nil {
		b.Fatal(err)
	}
	now := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	for b.Loop() {
		d.Membership(now)
	}
}
