package web

import (
	"log/slog"
	"net/http"
	"strings"

	"github.com/seed-d64a251c/roster/internal/webauth"
)

// logAct returns a handler that writes a line about each request that could act, also if it is
// refused: who sent it from where, and what came of it. Webhooks have lines of their own.
func (a *Access) logAct(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a.Log == nil || roleFor(r) != webauth.RoleAct || strings.HasPrefix(r.URL.Path, webhookPrefix) {
			next.ServeHTTP(w, r)
			return
		}
		out := &statusWriter{ResponseWriter: w, code: http.StatusOK}
		next.ServeHTTP(out, r)
		caller, known := a.identify(r)
		a.Log.Log(r.Context(), actLevel(out.code), "act", "caller", caller.Name, "authenticated",
			known && a.Authenticator != nil, "role", caller.Role.String(), "address", a.addressOf(r), "method",
			r.Method, "path", cutText(r.URL.Path, 200), "status", out.code, "operation",
			strings.TrimPrefix(w.Header().Get("Location"), operationPrefix))
	})
}

// operationPrefix begins the path of an operation.
const operationPrefix = "/api/v1/operations/"

// actLevel is the level of the line about an act. A caller who sends too many requests does not
// fill the log.
func actLevel(code int) slog.Level {
	switch {
	case code == http.StatusTooManyRequests:
		return slog.LevelDebug
	case code >= http.StatusBadRequest:
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// statusWriter knows the status of a response.
type statusWriter struct {
	http.ResponseWriter
	code int
}

// WriteHeader writes the status.
func (w *statusWriter) WriteHeader(code int) {
	w.code = code
	w.ResponseWriter.WriteHeader(code)
}

// Unwrap is for http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// requester says who sent a request and from where, for the operation and its report.
func (a *Access) requester(r *http.Request) string {
	return strings.TrimSpace(callerOf(r.Context()).Name + " from " + a.addressOf(r))
}
