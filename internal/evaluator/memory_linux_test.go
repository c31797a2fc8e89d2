package evaluator

import (
	"fmt"
	"testing"
	"testing/fstest"
)

func TestAvailableMemory(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	const mib = 1 << 20
	for _, test := range []struct {
		name  string
		files fstest.MapFS
		want  int64 // 0: too little
	}{
		{"no control groups", fstest.MapFS{}, 2048 * mib},
		{"no limit", fstest.MapFS{
			"proc/self/cgroup": file("0::/a\n"), "sys/fs/cgroup/a/memory.max": file("max\n"),
			"sys/fs/cgroup/a/memory.current": file("1\n"),
		}, 2048 * mib},
		{"version 2, without what is in use and the reserve", fstest.MapFS{
			"proc/self/cgroup": file("0::/a/b\n"), "sys/fs/cgroup/a/b/memory.max": file(fmt.Sprint(1024 * mib)),
			"sys/fs/cgroup/a/b/memory.current": file(fmt.Sprint(300 * mib)),
			"sys/fs/cgroup/a/b/memory.stat":    file(fmt.Sprintf("anon 1\ninactive_file %d\n", 100*mib)),
		}, 568 * mib},
		{"version 2, a group above", fstest.MapFS{
			"proc/self/cgroup": file("0::/a/b\n"), "sys/fs/cgroup/a/memory.max": file(fmt.Sprint(1024 * mib)),
			"sys/fs/cgroup/a/memory.current": file("0"),
		}, 768 * mib},
		{"version 2, the root of a container", fstest.MapFS{
			"proc/self/cgroup": file("0::/not/here\n"), "sys/fs/cgroup/memory.max": file(fmt.Sprint(1024 * mib)),
			"sys/fs/cgroup/memory.current": file("0"),
		}, 768 * mib},
		{"version 1", fstest.MapFS{
			"proc/self/cgroup": file("5:cpu:/\n4:memory:/a\n"),
			"sys/fs/cgroup/memory/a/memory.limit_in_bytes":    file(fmt.Sprint(900 * mib)),
			"sys/fs/cgroup/memory/a/memory.usage_in_bytes":    file(fmt.Sprint(100 * mib)),
			"sys/fs/cgroup/memory/memory.limit_in_bytes":      file("9223372036854771712\n"),
			"sys/fs/cgroup/memory/memory.usage_in_bytes":      file("100\n"),
			"sys/fs/cgroup/cpu/memory.limit_in_bytes":         file("1"),
			"sys/fs/cgroup/memory/a/memory.unrelated_to_this": file("1"),
		}, 544 * mib},
		{"too little", fstest.MapFS{
			"proc/self/cgroup": file("0::/\n"), "sys/fs/cgroup/memory.max": file(fmt.Sprint(300 * mib)),
			"sys/fs/cgroup/memory.current": file("0"),
		}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := availableIn(test.files, 2048*mib)
			if got != test.want || (err != nil) != (test.want == 0) {
				t.Errorf("got %d MiB, %v; want %d MiB", got/mib, err, test.want/mib)
			}
		})
	}
}
