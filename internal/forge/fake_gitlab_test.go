package forge

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

func gitLabUser(name string) map[string]any {
	return map[string]any{"id": len(name), "username": name, "name": name, "state": "active"}
}

func gitLabPull(p *fakePull) map[string]any {
	source := 5
	if p.fork {
		source = 6
	}
	v := map[string]any{"id": 1000 + p.number, "iid": p.number, "title": p.title, "author": gitLabUser(p.author),
		"state": "opened", "draft": p.draft,
		"updated_at": timestamp(p.updated), "sha": p.head, "source_project_id": source, "target_project_id": 5,
		"target_branch":    p.base,
		"web_url":          fmt.Sprintf("https://gitlab.example/acme/hr/people/-/merge_requests/%d", p.number),
		"merge_commit_sha": nil, "squash_commit_sha": nil}
	v["source_branch"], v["created_at"] = p.source(), timestamp(p.created)
	if p.merged != "" {
		v["state"], v["merge_commit_sha"], v["merged_at"] = "merged", p.merged, timestamp(p.mergedOn())
	}
	return v
}

func gitLabComment(c *storedComment) map[string]any {
	return map[string]any{"id": c.id, "author": gitLabUser(c.author), "body": c.body, "system": c.author == "system"}
}

const gitLabBasePath = "/api/v4/projects/acme%2Fhr%2Fpeople"

// gitLabAPI responds as docs.gitlab.com/api describes.
func gitLabAPI(r *fakeForge) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v4/user", func(w http.ResponseWriter, _ *http.Request) {
		respond(w, 200, gitLabUser(botLogin))
	})
	mux.HandleFunc("GET "+gitLabBasePath+"/merge_requests", func(w http.ResponseWriter, req *http.Request) {
		q := req.URL.Query()
		if q.Get("state") != "opened" || q.Get("order_by") != "updated_at" || q.Get("sort") != "desc" {
			r.t.Errorf("asked for %s", req.URL)
		}
		list := slices.DeleteFunc(r.open(), func(p *fakePull) bool { return p.base != q.Get("target_branch") })
		respond(w, 200, mapSlice(paginate(w, req, list, "per_page", 100), gitLabPull))
	})
	mux.HandleFunc("GET "+gitLabBasePath+"/merge_requests/{n}/notes", func(w http.ResponseWriter, req *http.Request) {
		respond(w, 200, mapSlice(paginate(w, req, r.find(req.PathValue("n")).comments, "per_page", 100), gitLabComment))
	})
	mux.HandleFunc("POST "+gitLabBasePath+"/merge_requests/{n}/notes", func(w http.ResponseWriter, req *http.Request) {
		respond(w, 201, gitLabComment(r.add(r.find(req.PathValue("n")), botLogin, r.body(req)["body"].(string))))
	})
	mux.HandleFunc("PUT "+gitLabBasePath+"/merge_requests/{n}/notes/{id}",
		func(w http.ResponseWriter, req *http.Request) {
			c := r.find(req.PathValue("n")).commentByID(int64(atoi(req.PathValue("id"))))
			if c == nil {
				respond(w, 404, map[string]any{"message": "404 Not found"})
				return
			}
			c.body = r.body(req)["body"].(string)
			respond(w, 200, gitLabComment(c))
		})
	mux.HandleFunc("POST "+gitLabBasePath+"/merge_requests",
		r.creates("source_branch", "target_branch", "description", gitLabPull))
	gitLabReviews(r, mux)
	gitLabContributions(r, mux)
	return strict(r, mux)
}

// gitLabReviews adds statuses, the pull requests of a commit and their reviews.
func gitLabReviews(r *fakeForge, mux *http.ServeMux) {
	mux.HandleFunc("POST "+gitLabBasePath+"/statuses/{sha}", func(w http.ResponseWriter, req *http.Request) {
		b := r.body(req)
		line := fmt.Sprint(req.PathValue("sha"), " ", b["state"], " ", b["name"], " ", b["description"])
		if b["state"] == "pending" && slices.Contains(r.statuses, line) {
			respond(w, 400, map[string]any{"message": "Cannot transition status via :enqueue from :pending " +
				`(Reason(s): Status cannot transition via "enqueue")`})
			return
		}
		r.statuses = append(r.statuses, line)
		respond(w, 201, map[string]any{"id": 9, "sha": req.PathValue("sha"), "status": b["state"], "name": b["name"]})
	})
	mux.HandleFunc("GET "+gitLabBasePath+"/repository/commits/{sha}/merge_requests",
		func(w http.ResponseWriter, req *http.Request) {
			respond(w, 200, mapSlice(r.withCommit(req.PathValue("sha")), gitLabPull))
		})
	mux.HandleFunc("GET "+gitLabBasePath+"/merge_requests/{n}/approvals",
		func(w http.ResponseWriter, req *http.Request) {
			p := r.find(req.PathValue("n"))
			by := []map[string]any{}
			for _, v := range p.reviews {
				if v.verdict == "approve" {
					by = append(by, map[string]any{"user": gitLabUser(v.by), "approved_at": timestamp(v.at)})
				}
			}
			respond(w, 200, map[string]any{"iid": p.number, "approved": !p.rulesUnmet, "approvals_required": 0,
				"approvals_left": 0, "approved_by": by})
		})
	mux.HandleFunc("GET "+gitLabBasePath+"/merge_requests/{n}/versions",
		func(w http.ResponseWriter, req *http.Request) {
			versions := slices.Clone(r.find(req.PathValue("n")).versions)
			slices.Reverse(versions)
			respond(w, 200, mapSlice(paginate(w, req, versions, "per_page", 100), func(v fakeVersion) map[string]any {
				return map[string]any{"id": 1, "head_commit_sha": v.head, "created_at": timestamp(v.at),
					"state": "collected"}
			}))
		})
}

// gitLabContributions adds the push events of the source project.
func gitLabContributions(r *fakeForge, mux *http.ServeMux) {
	mux.HandleFunc("GET /api/v4/projects/{id}/events", func(w http.ResponseWriter, req *http.Request) {
		if q := req.URL.Query(); req.PathValue("id") != "5" || q.Get("action") != "pushed" || q.Get("after") == "" {
			r.t.Errorf("asked for %s", req.URL)
		}
		if r.noPushes {
			respond(w, 403, map[string]any{"message": "403 Forbidden"})
			return
		}
		respond(w, 200, mapSlice(paginate(w, req, r.pushesTo(), "per_page", 100), func(p fakePush) map[string]any {
			v := map[string]any{"id": 1, "action_name": "pushed to", "author_username": p.by,
				"author": gitLabUser(p.by), "created_at": timestamp(p.at), "push_data": map[string]any{
					"commit_count": 1, "action": "pushed", "ref_type": "branch", "commit_from": p.before,
					"commit_to": p.after, "ref": p.branch}}
			if strings.Trim(p.before, "0") == "" { // GitLab has no commit before a new branch
				v["push_data"].(map[string]any)["commit_from"] = nil
			}
			return v
		}))
	})
}
