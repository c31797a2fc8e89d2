package evaluator

import (
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"github.com/landlock-lsm/go-landlock/landlock"
	abi "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// maxStack is the size of a stack at which Go ends the child, so that a deep recursion ends it
// soon.
const maxStack = 128 << 20

// restrictSelf limits this process. The parent sends no input before the child has sent the layers.
func restrictSelf(limits Limits) []Layer {
	runtime.GOMAXPROCS(min(2, runtime.NumCPU()))
	debug.SetMaxStack(maxStack)
	debug.SetMemoryLimit(limits.Memory / 10 * 9)
	exhausted := make(chan os.Signal, 1)
	signal.Notify(exhausted, unix.SIGXCPU)
	go func() {
		<-exhausted
		os.Exit(exitNoTime)
	}()
	out := layersByConstruction()
	for i, enter := range [...]func() error{
		func() error { return os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0) },
		func() error { return setResourceLimits(limits) },
		seccomp.SetNoNewPrivs, restrictFiles, restrictSystemCalls,
	} {
		l := Layer{Name: kernelLayers[i]}
		if err := enter(); err != nil {
			l.Missing = err.Error()
		}
		out = append(out, l)
	}
	return out
}

// maxDescriptors leaves room for the pipes and for the files of the Go runtime.
const maxDescriptors = 16

func setResourceLimits(l Limits) error {
	seconds := uint64((l.CPU + time.Second - 1) / time.Second)
	for _, r := range []struct {
		name      string
		resource  int
		soft, max uint64
	}{
		{"RLIMIT_CPU", unix.RLIMIT_CPU, seconds, seconds + 2}, // SIGXCPU first, then SIGKILL
		{"RLIMIT_DATA", unix.RLIMIT_DATA, uint64(l.Memory), uint64(l.Memory)},
		{"RLIMIT_NOFILE", unix.RLIMIT_NOFILE, maxDescriptors, maxDescriptors},
		{"RLIMIT_FSIZE", unix.RLIMIT_FSIZE, 0, 0},
		{"RLIMIT_CORE", unix.RLIMIT_CORE, 0, 0},
	} {
		if err := unix.Setrlimit(r.resource, &unix.Rlimit{Cur: r.soft, Max: r.max}); err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
	}
	return nil
}

// restrictFiles denies all files and TCP ports.
func restrictFiles() error {
	if _, err := abi.LandlockGetABIVersion(); err != nil {
		return fmt.Errorf("the kernel does not support Landlock: %w", err)
	}
	return landlock.V5.BestEffort().Restrict()
}

// allowedSystemCalls are those that the Go runtime and pipes need.
var allowedSystemCalls = []string{
	"brk", "clock_getres", "clock_gettime", "clock_nanosleep", "close", "epoll_create1", "epoll_ctl", "epoll_pwait",
	"epoll_pwait2", "epoll_wait", "eventfd2", "exit", "exit_group", "fcntl", "fstat", "futex", "getpid", "getrandom",
	"gettid", "gettimeofday", "madvise", "membarrier", "mincore", "mmap", "mprotect", "mremap", "munmap",
	"nanosleep", "pread64", "read", "readv", "restart_syscall", "rseq", "rt_sigaction", "rt_sigprocmask",
	"rt_sigreturn", "sched_getaffinity", "sched_yield", "set_robust_list", "sigaltstack", "tgkill", "write", "writev",
}

// restrictSystemCalls allows the listed system calls for all threads, and new threads. All others
// fail.
func restrictSystemCalls() error {
	info, err := arch.GetInfo("")
	if err != nil {
		return err
	}
	names := slices.DeleteFunc(slices.Clone(allowedSystemCalls), func(name string) bool {
		_, known := info.SyscallNames[name]
		return !known
	})
	return seccomp.LoadFilter(seccomp.Filter{
		NoNewPrivs: true, Flag: seccomp.FilterFlagTSync,
		Policy: seccomp.Policy{
			DefaultAction: seccomp.ActionErrno,
			Syscalls: []seccomp.SyscallGroup{
				{Action: seccomp.ActionAllow, Names: names},
				// The C library then uses clone, whose flags can be checked.
				{Action: seccomp.ActionErrno | seccomp.Action(unix.ENOSYS), Names: []string{"clone3"}},
				{Action: seccomp.ActionAllow, NamesWithCondtions: []seccomp.NameWithConditions{{
					Name: "clone",
					Conditions: seccomp.ArgumentConditions{
						{Argument: 0, Operation: seccomp.BitsSet, Value: unix.CLONE_THREAD},
					},
				}}},
			},
		},
	})
}
