package app

// ownProgram is the file of this program, also if another file has its name now.
const ownProgram = "/proc/self/exe"
