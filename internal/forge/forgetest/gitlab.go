package forgetest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

func gitLabUser(name string) map[string]any {
	return map[string]any{"id": len(name), "username": name, "name": name, "state": "active"}
}

func gitLabPull(p *Pull) map[string]any {
	source := 5
	if p.Fork {
		source = 6
	}
	v := map[string]any{"id": 1000 + p.Number, "iid": p.Number, "title": p.Title, "author": gitLabUser(p.Author),
		"state": "opened", "draft": p.Draft,
		"updated_at": timestamp(p.Updated), "sha": p.Head, "source_project_id": source, "target_project_id": 5,
		"target_branch":    p.Base,
		"web_url":          fmt.Sprintf("https://gitlab.example/acme/hr/people/-/merge_requests/%d", p.Number),
		"merge_commit_sha": nil, "squash_commit_sha": nil}
	v["source_branch"], v["created_at"] = p.source(), timestamp(p.Created)
	if p.Closed {
		v["state"] = "closed"
	}
	if p.Merged != "" {
		v["state"], v["merge_commit_sha"], v["merged_at"] = "merged", p.Merged, timestamp(p.mergedOn())
	}
	return v
}

func gitLabComment(c *Comment) map[string]any {
	return map[string]any{"id": c.ID, "author": gitLabUser(c.Author), "body": c.Body, "system": c.Author == "system"}
}

// gitLabNotes returns the comments of a merge request, and the notes of GitLab about approvals.
func gitLabNotes(p *Pull) []map[string]any {
	notes := mapSlice(p.Comments, gitLabComment)
	for i, v := range p.Reviews {
		if v.Verdict == "approve" {
			notes = append(notes, map[string]any{"id": 9000 + i, "author": gitLabUser(v.By), "system": true,
				"body": "approved this merge request", "created_at": timestamp(v.At)})
		}
	}
	return notes
}

const gitLabBasePath = "/api/v4/projects/acme%2Fhr%2Fpeople"

// gitLabAPI responds as docs.gitlab.com/api describes.
func GitLab(r *State) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v4/user", func(w http.ResponseWriter, _ *http.Request) {
		Respond(w, 200, gitLabUser(BotLogin))
	})
	mux.HandleFunc("GET "+gitLabBasePath+"/merge_requests", func(w http.ResponseWriter, req *http.Request) {
		q := req.URL.Query()
		if q.Get("state") != "opened" || q.Get("order_by") != "updated_at" || q.Get("sort") != "desc" {
			r.T.Errorf("asked for %s", req.URL)
		}
		list := slices.DeleteFunc(r.open(), func(p *Pull) bool { return p.Base != q.Get("target_branch") })
		Respond(w, 200, mapSlice(paginate(w, req, list, "per_page", 100), gitLabPull))
	})
	mux.HandleFunc("GET "+gitLabBasePath+"/merge_requests/{n}/notes", func(w http.ResponseWriter, req *http.Request) {
		Respond(w, 200, mapSlice(paginate(w, req, gitLabNotes(r.Find(req.PathValue("n"))), "per_page", 100),
			func(v map[string]any) map[string]any { return v }))
	})
	mux.HandleFunc("POST "+gitLabBasePath+"/merge_requests/{n}/notes", func(w http.ResponseWriter, req *http.Request) {
		Respond(w, 201, gitLabComment(r.comment(req)))
	})
	mux.HandleFunc("PUT "+gitLabBasePath+"/merge_requests/{n}/notes/{id}",
		func(w http.ResponseWriter, req *http.Request) {
			c := r.Find(req.PathValue("n")).CommentByID(int64(atoi(req.PathValue("id"))))
			if c == nil {
				Respond(w, 404, map[string]any{"message": "404 Not found"})
				return
			}
			r.edit(c, r.Decode(req)["body"].(string))
			Respond(w, 200, gitLabComment(c))
		})
	mux.HandleFunc("POST "+gitLabBasePath+"/merge_requests",
		r.creates("source_branch", "target_branch", "description", gitLabPull))
	gitLabReviews(r, mux)
	gitLabContributions(r, mux)
	return Strict(r, mux)
}

// gitLabReviews adds statuses, the pull requests of a commit and their reviews.
func gitLabReviews(r *State, mux *http.ServeMux) {
	mux.HandleFunc("POST "+gitLabBasePath+"/statuses/{sha}", func(w http.ResponseWriter, req *http.Request) {
		b := r.Decode(req)
		ofFork := func(p *Pull) bool { return p.Fork && p.Head == req.PathValue("sha") }
		if slices.ContainsFunc(r.Pulls, ofFork) && b["ref"] == nil { // no branch has the commit
			Respond(w, 404, map[string]any{"message": "404 References for commit Not Found"})
			return
		}
		line := fmt.Sprint(req.PathValue("sha"), " ", b["state"], " ", b["name"], " ", b["description"])
		newest := r.newestStatuses(req.PathValue("sha"), "status", "name")
		pending := func(s map[string]any) bool {
			return s["name"] == b["name"] && s["status"] == "pending" && s["description"] == b["description"]
		}
		if b["state"] == "pending" && slices.ContainsFunc(newest, pending) { // it has a pending job already
			Respond(w, 400, map[string]any{"message": "Cannot transition status via :enqueue from :pending " +
				`(Reason(s): Status cannot transition via "enqueue")`})
			return
		}
		r.setStatus(line)
		Respond(w, 201, map[string]any{"id": 9, "sha": req.PathValue("sha"), "status": b["state"], "name": b["name"]})
	})
	mux.HandleFunc("GET "+gitLabBasePath+"/repository/commits/{sha}/statuses",
		func(w http.ResponseWriter, req *http.Request) {
			list := r.newestStatuses(req.PathValue("sha"), "status", "name")
			name := req.URL.Query().Get("name")
			Respond(w, 200, slices.DeleteFunc(list, func(s map[string]any) bool { return s["name"] != name }))
		})
	mux.HandleFunc("GET "+gitLabBasePath+"/repository/commits/{sha}/merge_requests",
		func(w http.ResponseWriter, req *http.Request) {
			Respond(w, 200, mapSlice(r.withCommit(req.PathValue("sha")), gitLabPull))
		})
	mux.HandleFunc("GET "+gitLabBasePath+"/merge_requests/{n}/approvals",
		func(w http.ResponseWriter, req *http.Request) {
			p := r.Find(req.PathValue("n"))
			by := []map[string]any{}
			for _, v := range p.Reviews {
				if v.Verdict == "approve" {
					one := map[string]any{"user": gitLabUser(v.By), "approved_at": timestamp(v.At)}
					if r.NoApprovalTimes {
						delete(one, "approved_at")
					}
					by = append(by, one)
				}
			}
			Respond(w, 200, map[string]any{"iid": p.Number, "approved": !p.RulesUnmet, "approvals_required": 0,
				"approvals_left": 0, "approved_by": by})
		})
	mux.HandleFunc("GET "+gitLabBasePath+"/merge_requests/{n}/versions",
		func(w http.ResponseWriter, req *http.Request) {
			versions := slices.Clone(r.Find(req.PathValue("n")).Versions)
			slices.Reverse(versions)
			Respond(w, 200, mapSlice(paginate(w, req, versions, "per_page", 100), func(v Version) map[string]any {
				return map[string]any{"id": 1, "head_commit_sha": v.Head, "created_at": timestamp(v.At),
					"state": "collected"}
			}))
		})
}

// gitLabContributions adds the push events of the source project.
func gitLabContributions(r *State, mux *http.ServeMux) {
	mux.HandleFunc("GET /api/v4/projects/{id}/events", func(w http.ResponseWriter, req *http.Request) {
		if q := req.URL.Query(); req.PathValue("id") != "5" || q.Get("action") != "pushed" || q.Get("after") == "" {
			r.T.Errorf("asked for %s", req.URL)
		}
		if r.NoPushes {
			Respond(w, 403, map[string]any{"message": "403 Forbidden"})
			return
		}
		Respond(w, 200, mapSlice(paginate(w, req, r.pushesTo(), "per_page", 100), func(p Push) map[string]any {
			v := map[string]any{"id": 1, "action_name": "pushed to", "author_username": p.By,
				"author": gitLabUser(p.By), "created_at": timestamp(p.At), "push_data": map[string]any{
					"commit_count": 1, "action": "pushed", "ref_type": "branch", "commit_from": p.Before,
					"commit_to": p.After, "ref": p.Branch}}
			if strings.Trim(p.Before, "0") == "" { // GitLab has no commit before a new branch
				v["push_data"].(map[string]any)["commit_from"] = nil
			}
			return v
		}))
	})
}
