package evaluator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
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
			if err := unix.Fstat(fd, &st); err == nil && fmt.Sprint(st.Dev, st.Ino) == os.Args[len(os.Args)-1] {
				open = append(open, fmt.Sprint(fd))
			}
		}
		return strings.Join(open, " ")
	}),
	"connect": probe(func() string {
		c, err := net.Dial("tcp", os.Args[len(os.Args)-1])
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
		if err := os.WriteFile(os.Args[len(os.Args)-1], []byte("x"), 0o600); err != nil {
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
		for n := uint64(0); n < math.MaxUint64; n++ { // takes centuries
		}
		return nil
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
	"fail": func(_ io.Reader, out io.Writer, _ start) error {
		return writeJSON(out, frameFailed, failureOf(fs.ErrClosed))
	},
	"fall silent": func(io.Reader, io.Writer, start) error { return nil },
	"exit":        func(io.Reader, io.Writer, start) error { return fs.ErrClosed },
	"done and exit": func(_ io.Reader, out io.Writer, _ start) error {
		return errors.Join(writeFrame(out, frameDone, nil), fs.ErrClosed)
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
		return writeJSON(out, frameFailed, failure{Reason: "probe: " + attack(), Panic: true})
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
	want := []string{"own process", "empty environment", "limits of files", "time on the clock",
		"first to be killed", "resource limits", "no new privileges", "landlock", "seccomp"}
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
			if slices.Contains([]string{"allocate", "recurse", "flood"}, test.name) {
				e.Limits.CPU = time.Minute // they exceed another limit
			}
			_, err := e.Evaluate(t.Context(), Task{Tree: withFile(t, "x.cue", "")})
			failed, ok := err.(*Error)
			if !ok || !strings.Contains(failed.Reason, test.want) || failed.Repeatable != test.repeatable {
				t.Errorf("got %v, want %q, repeatable %t", err, test.want, test.repeatable)
			}
		})
	}
}

// A child that ends without a result may have done so because of the declarations. So its end is
// the answer for them, and not an error that the daemon meets at each poll.
func TestAChildThatEndsWithoutAResultIsTriedThreeTimes(t *testing.T) {
	for probe, want := range map[string]string{
		"fail":          "the evaluation failed: " + fs.ErrClosed.Error(),
		"fall silent":   "the evaluation ended without a result",
		"exit":          "the evaluation ended without a result",
		"done and exit": "the evaluation ended without a result",
		"garbage":       "the evaluator sent an invalid answer",
		"lie":           "the evaluator sent an invalid answer",
	} {
		t.Run(probe, func(t *testing.T) {
			e, task := newEvaluator(t, "probe", probe), Task{Tree: withFile(t, "x.cue", "")}
			for try := 1; try <= 3; try++ {
				_, err := e.Evaluate(t.Context(), task)
				var failed *Error
				if !errors.As(err, &failed) || !strings.HasPrefix(failed.Reason, want) || failed.Final != (try == 3) {
					t.Fatalf("try %d: got %v; want %q, final only at the third try", try, err, want)
				}
			}
			e.Program = noProgram
			_, err := e.Evaluate(t.Context(), task)
			if err == nil || !strings.HasSuffix(err.Error(), want+" (3 attempts)") {
				t.Errorf("the fourth evaluation: %v; want the remembered failure", err)
			}
			e.Limits.CPU++
			if _, err := e.Evaluate(t.Context(), task); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("with other limits: %v; want another evaluation", err)
			}
		})
	}
}

func TestTheLayersOfAChildThatFailsAreAnErrorOfTheMachine(t *testing.T) {
	_, err := newEvaluator(t, "probe", "exit").Layers(t.Context())
	var failed *Error
	if err == nil || errors.As(err, &failed) || !strings.Contains(err.Error(), "exit status 1") {
		t.Errorf("got %v; want an error with the exit code that blames no declarations", err)
	}
}

// onlyLayer enters one layer, so that no other one can have its effect.
func onlyLayer(name string) func(Limits) []Layer {
	return func(l Limits) []Layer {
		err := map[string]func() error{
			"none": func() error { return nil }, "landlock": restrictFiles, "seccomp": restrictSystemCalls,
			"resource limits": func() error { return setResourceLimits(l) },
		}[name]()
		if err != nil {
			return []Layer{{name, err.Error()}}
		}
		return []Layer{{name, ""}}
	}
}

// TestEachLayerAlone shows what each layer stops, and that the probes succeed without it.
func TestEachLayerAlone(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	for _, test := range []struct {
		probe string
		stops []string // the layers that stop it
	}{
		{"connect", []string{"landlock", "seccomp"}},
		{"read", []string{"landlock", "seccomp"}},
		{"write", []string{"landlock", "seccomp", "resource limits"}},
		{"socket", []string{"seccomp"}},
		{"kill", []string{"seccomp"}},
		{"exec", []string{"landlock", "seccomp"}},
	} {
		for _, layer := range []string{"none", "landlock", "seccomp", "resource limits"} {
			t.Run(test.probe+" with "+layer, func(t *testing.T) {
				argument := listener.Addr().String()
				if test.probe == "write" {
					argument = t.TempDir() + "/file"
				}
				e := newEvaluator(t, "probe-of", layer, test.probe, argument)
				_, err := e.Evaluate(t.Context(), Task{Tree: os.DirFS("../../testdata/example")})
				if err == nil {
					t.Fatal("the child reports nothing")
				}
				_, did, _ := strings.Cut(err.Error(), "probe: ")
				if stopped := did == ""; stopped != slices.Contains(test.stops, layer) {
					t.Errorf("the child reports: %v; it should be stopped: %t", err, !stopped)
				}
			})
		}
	}
}

// children lists the child processes of a process.
func children(t *testing.T, pid int) []string {
	t.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, file := range tasks {
		data, err := os.ReadFile(file)
		if err == nil { // the thread may have ended
			out = append(out, strings.Fields(string(data))...)
		}
	}
	return out
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for timeout := time.After(30 * time.Second); !holds(); {
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatalf("not within 30 s: %s", what)
		}
	}
}

func TestTheKernelShowsTheLimits(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := newEvaluator(t, "probe", "sleep").Evaluate(ctx, Task{Tree: withFile(t, "x.cue", "")})
		ended <- err
	}()
	read := func(name string) string {
		list := children(t, os.Getpid())
		if len(list) == 0 {
			return ""
		}
		data, _ := os.ReadFile("/proc/" + list[0] + "/" + name)
		return strings.Join(strings.Fields(string(data)), " ")
	}
	eventually(t, "the child has all limits", func() bool { return strings.Contains(read("status"), "Seccomp: 2") })
	for file, parts := range map[string][]string{
		"status":        {"NoNewPrivs: 1", "Seccomp: 2"},
		"oom_score_adj": {"1000"},
		"limits": {
			"Max cpu time 1 3 seconds", "Max data size 536870912 536870912 bytes", "Max core file size 0 0 bytes",
			"Max file size 0 0 bytes", "Max open files 16 16 files",
		},
	} {
		for _, part := range parts {
			if text := read(file); !strings.Contains(text, part) {
				t.Errorf("%s lacks %q: %s", file, part, text)
			}
		}
	}
	if environment := read("environ"); environment != "" {
		t.Errorf("the environment is %q", environment)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the canceled evaluation: %v", err)
	}
}

// parentOfSleeper is a process whose child sleeps.
func parentOfSleeper() {
	e := &Evaluator{Program: "/proc/self/exe", Args: []string{"x", "probe", "sleep"}, Limits: testLimits(),
		Log: slog.New(slog.DiscardHandler)}
	_, err := e.Evaluate(context.Background(), Task{Tree: os.DirFS(".")})
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func TestTheChildOfAKilledParentEnds(t *testing.T) {
	parent := exec.Command(os.Args[0], "parent")
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	var child string
	eventually(t, "the parent has a child", func() bool {
		list := children(t, parent.Process.Pid)
		if len(list) > 0 {
			child = list[0]
		}
		return child != ""
	})
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	eventually(t, "the child has ended", func() bool {
		data, err := os.ReadFile("/proc/" + child + "/stat")
		return err != nil || strings.Contains(string(data), ") Z ")
	})
}
