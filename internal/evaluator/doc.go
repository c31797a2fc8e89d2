// Package evaluator evaluates declarations that nobody has reviewed in a child process of the same
// program. The declarations of an open pull request are hostile: they may make CUE panic, run
// forever or use all memory.
//
// The parent is an Evaluator. It starts a child, lists a tree for it, and answers its requests for
// files. The child (Child) limits itself before it reads any input, loads the declarations, and
// sends either their problems or their encoded result. The parent trusts no byte of the answer.
//
// # What the child has
//
// Input and output are three pipes. The environment is empty and the working directory is the root.
// These layers limit the rest:
//
//   - resource limits: processor time, data (RLIMIT_DATA), open files, no file of any size, no core
//     dump;
//   - no new privileges;
//   - seccomp: only the system calls of the Go runtime. There is none that opens a file or a
//     socket, starts a process or traces one;
//   - Landlock: no file and no TCP port.
//
// Layers tells which of them the kernel supports. The parent adds a limit of time on the clock, and
// kills the whole process group. The kernel kills the child when the parent dies, and before any
// other process when memory runs out (oom_score_adj).
package evaluator
