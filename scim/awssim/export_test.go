package awssim

// BreakChangeLog closes the file under the change log, so that nothing can be written.
func BreakChangeLog(s *Server) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.changeLog.file.Close()
}

// OperationNames are the names of all operations.
func OperationNames() []string {
	var names []string
	for _, op := range operations() {
		names = append(names, op.name)
	}
	return names
}
