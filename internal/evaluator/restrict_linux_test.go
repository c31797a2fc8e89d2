package evaluator

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// probes are hostile children. Each sends as its panic what it could do, or nothing.
var probes = map[string]func(in io.Reader, out io.Writer, s start) error{
	"environment": probe(func() string { return strings.Join(os.Environ(), " ") }),
	"descriptors": probe(func() string {
		var open []string
		for fd := 3; fd < 1024; fd++ {
			var st unix.Stat_t
			// The Go runtime itself has files open.
			if err := unix.Fstat(fd, &st); err == nil && fmt.Sprint(st.Dev, st.Ino) == os.Args[3] {
				open = append(open, fmt.Sprint(fd))
			}
		}
		return strings.Join(open, " ")
	}),
	"connect": probe(func() string {
		c, err := net.Dial("tcp", os.Args[3])
		if err != nil {
			return ""
		}
		return "connected to " + c.RemoteAddr().String()
	}),
	"socket": probe(func() string {
		if fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0); err == nil {
			return fmt.Sprint("socket ", fd)
		}
		return ""
	}),
	"read": probe(func() string {
		data, err := os.ReadFile("/etc/passwd")
		if err != nil {
			return ""
		}
		return string(data[:10])
	}),
	"write": probe(func() string {
		if err := os.WriteFile(os.Args[3], []byte("x"), 0o600); err != nil {
			return ""
		}
		return "written"
	}),
	"exec": probe(func() string {
		if err := exec.Command("/bin/true").Run(); err != nil {
			return ""
		}
		return "executed"
	}),
	"fork": probe(func() string {
		if pid, _, errno := syscall.RawSyscall(syscall.SYS_FORK, 0, 0, 0); errno == 0 {
			return fmt.Sprint("forked ", pid)
		}
		return ""
	}),
	"trace": probe(func() string {
		if err := unix.PtraceAttach(unix.Getppid()); err == nil {
			return "attached"
		}
		return ""
	}),
	"kill": probe(func() string {
		if err := unix.Kill(unix.Getppid(), 0); err == nil {
			return "may send signals to the parent"
		}
		return ""
	}),
	"raise": probe(func() string {
		most := unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}
		if err := unix.Setrlimit(unix.RLIMIT_DATA, &most); err == nil {
			return "raised RLIMIT_DATA"
		}
		return ""
	}),
	"allocate": func(io.Reader, io.Writer, start) error {
		var all [][]byte
		for {
			b := make([]byte, 16<<20)
			for i := range b {
				b[i] = 1
			}
			all = append(all, b)
			_ = all
		}
	},
	"spin": func(io.Reader, io.Writer, start) error {
		for { //nolint
		}
	},
	"sleep": func(io.Reader, io.Writer, start) error {
		time.Sleep(time.Hour)
		return nil
	},
	"flood": func(_ io.Reader, out io.Writer, _ start) error {
		for {
			if err := writeFrame(out, frameAnswer, make([]byte, maxFrame)); err != nil {
				return err
			}
		}
	},
	"garbage": func(_ io.Reader, out io.Writer, _ start) error {
		_, err := out.Write(slices.Repeat([]byte{0xff}, 100))
		return err
	},
	"lie": func(_ io.Reader, out io.Writer, _ start) error {
		lie := `{"Format":1,"Timezone":"UTC","Groups":[{"Key":"g","Pos":[7,1,1]}]}`
		if err := writeFrame(out, frameAnswer, []byte(lie)); err != nil {
			return err
		}
		return writeFrame(out, frameDone, nil)
	},
	"crash": func(io.Reader, io.Writer, start) error {
		go func() { panic("in a goroutine") }()
		select {}
	},
	"recurse": func(io.Reader, io.Writer, start) error {
		var f func(n int) int
		f = func(n int) int { return f(n+1) + 1 }
		return fmt.Errorf("%d", f(0))
	},
}

// probe returns a child that reports what attack returns.
func probe(attack func() string) func(io.Reader, io.Writer, start) error {
	return func(_ io.Reader, out io.Writer, _ start) error {
		return writeJSON(out, frameFailed, failure{"probe: " + attack(), true})
	}
}

// The kernel may lack a layer. Then the log says so, and the tests below still have to pass.
func TestThisKernelHasAllLayers(t *testing.T) {
	layers, err := newEvaluator(t).Layers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, l := range layers {
		if l.Missing != "" {
			t.Logf("THE KERNEL HAS NO LAYER %q: %s. The tests of the other layers still hold.", l.Name, l.Missing)
		}
		names = append(names, l.Name)
	}
	want := []string{"first to be killed", "resource limits", "no new privileges", "landlock", "seccomp"}
	if !slices.Equal(names, want) {
		t.Errorf("got the layers %q, want %q", names, want)
	}
}

func TestTheChildCanReachNothing(t *testing.T) {
	t.Setenv("ROSTER_SECRET_CANARY", "canary")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	inherited, err := os.Open("/etc/passwd")
	if err != nil {
		t.Fatal(err)
	}
	defer inherited.Close()
	// A file that this process inherited from its parent has no close-on-exec flag.
	if _, err := unix.FcntlInt(inherited.Fd(), unix.F_SETFD, 0); err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(inherited.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	file := t.TempDir() + "/file"
	for _, test := range []struct{ name, argument string }{
		{"environment", ""}, {"descriptors", fmt.Sprint(st.Dev, st.Ino)}, {"connect", listener.Addr().String()},
		{"socket", ""}, {"read", ""}, {"write", file}, {"exec", ""}, {"fork", ""}, {"trace", ""}, {"kill", ""},
		{"raise", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := newEvaluator(t, "probe", test.name, test.argument)
			_, err := e.Evaluate(t.Context(), Task{Tree: os.DirFS("../../testdata/example")})
			if want := "the declarations cannot be evaluated: they trigger an internal error: probe: "; err == nil ||
				err.Error() != want {
				t.Errorf("the child reports: %v", err)
			}
		})
	}
}

func TestAHostileChildIsEnded(t *testing.T) {
	for _, test := range []struct {
		name       string
		wall       time.Duration
		want       string
		repeatable bool
	}{
		{"allocate", time.Minute, "of memory", false},
		{"spin", time.Minute, "of processor time", true},
		{"sleep", time.Second, "within 1s", false},
		{"flood", time.Minute, "the result is too large", true},
		{"crash", time.Minute, "internal error", true},
		{"recurse", time.Minute, "nested too deeply", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := newEvaluator(t, "probe", test.name)
			e.Limits.Wall = test.wall
			if test.name == "recurse" || test.name == "flood" {
				e.Limits.CPU = time.Minute // they exceed another limit
			}
			_, err := e.Evaluate(t.Context(), Task{Tree: withFile(t, "x.cue", "")})
			failed, ok := err.(*Error)
			if !ok || !strings.Contains(failed.Reason, test.want) || failed.Repeatable != test.repeatable {
				t.Errorf("got %v, want %q, repeatable %t", err, test.want, test.repeatable)
			}
		})
	}
	for _, name := range []string{"garbage", "lie"} {
		t.Run(name, func(t *testing.T) {
			e := newEvaluator(t, "probe", name)
			if d, err := e.Evaluate(t.Context(), Task{Tree: withFile(t, "x.cue", "")}); err == nil {
				t.Errorf("the answer is accepted: %+v", d)
			}
		})
	}
}
