package awssim

// BreakJournal closes the file under the journal, so that nothing can be written.
func BreakJournal(s *Server) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.journal.file.Close()
}

// OperationNames are the names of all operations.
func OperationNames() []string {
	var names []string
	for _, op := range operations() {
		names = append(names, op.name)
	}
	return names
}
