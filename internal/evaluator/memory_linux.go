package evaluator

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
)

const (
	// memoryReserve is what the control group keeps for the parent while a child runs.
	memoryReserve = 256 << 20
	// leastMemory is the memory without which no child starts.
	leastMemory = 128 << 20
)

// availableMemory returns the memory that a child may use: at most limit, and no more than the
// control group of this process has left. It fails if that is too little.
func availableMemory(limit int64) (int64, error) {
	return availableIn(os.DirFS("/"), limit)
}

func availableIn(root fs.FS, limit int64) (int64, error) {
	groups, err := fs.ReadFile(root, "proc/self/cgroup")
	if errors.Is(err, fs.ErrNotExist) {
		return limit, nil
	}
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(groups)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) != 3 {
			continue
		}
		var dir, limitFile, usedFile string
		switch {
		case fields[1] == "":
			dir, limitFile, usedFile = "sys/fs/cgroup", "memory.max", "memory.current"
		case strings.Contains(","+fields[1]+",", ",memory,"):
			dir, limitFile, usedFile = "sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes"
		default:
			continue
		}
		// Each group above limits this one too. In a container, the path may be that of the host.
		for at := path.Clean("/" + fields[2]); ; at = path.Dir(at) {
			left, ok := memoryLeft(root, path.Join(dir, at), limitFile, usedFile)
			if ok {
				limit = min(limit, left-memoryReserve)
			}
			if at == "/" {
				break
			}
		}
	}
	if limit < leastMemory {
		return 0, fmt.Errorf("there is not enough memory to evaluate declarations: %d MiB are available, %d MiB are "+
			"needed", max(0, limit)>>20, int64(leastMemory)>>20)
	}
	return limit, nil
}

// memoryLeft returns the memory that a control group has left. It returns false if there is no
// limit. Memory of files that were read is not in use, because the kernel frees it.
func memoryLeft(root fs.FS, dir, limitFile, usedFile string) (int64, bool) {
	limit, ok := readNumber(root, path.Join(dir, limitFile))
	if !ok || limit >= 1<<60 {
		return 0, false
	}
	used, ok := readNumber(root, path.Join(dir, usedFile))
	if !ok {
		return 0, false
	}
	stat, _ := fs.ReadFile(root, path.Join(dir, "memory.stat"))
	for line := range strings.Lines(string(stat)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name == "inactive_file" {
			cached, _ := strconv.ParseInt(value, 10, 64)
			used -= cached
		}
	}
	return limit - max(0, used), true
}

func readNumber(root fs.FS, name string) (int64, bool) {
	data, err := fs.ReadFile(root, name)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
	return n, err == nil
}
