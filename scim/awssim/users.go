package awssim

import (
	"cmp"
	"io"
	"mime"
	"net/http"
	"strings"
)

// maxBody is the largest body, ServiceProviderConfig's bulk.maxPayloadSize.
const maxBody = 1 << 20

// readBody takes the body in, or the first byte too many of it. It comes before any waiting: net/http notices that a caller
// has gone only when the body is read.
func (c *call) readBody() {
	if c.r.Body == nil { // of a request that no server made
		return
	}
	c.body, c.bodyErr = io.ReadAll(io.LimitReader(c.r.Body, maxBody+1))
}

// document parses the request's body.
func (c *call) document() (document, error) {
	if h := c.r.Header.Get("Content-Type"); h != "" || c.rules.rfc {
		media, params, err := mime.ParseMediaType(h)
		charset := params["charset"]
		if err != nil || media != "application/scim+json" && media != "application/json" || charset != "" && !strings.EqualFold(charset, "utf-8") {
			p := invalid("", "the Content-Type %q is neither application/scim+json nor application/json", h)
			if c.rules.rfc {
				p.status = http.StatusUnsupportedMediaType
			}
			return nil, p
		}
	}
	if c.bodyErr != nil {
		return nil, invalid(scimTypeSyntax, "the body cannot be read: %v", c.bodyErr)
	}
	if len(c.body) > maxBody {
		p := invalid("", "the body is larger than %d bytes", maxBody)
		if c.rules.rfc {
			p.status = http.StatusRequestEntityTooLarge
		}
		return nil, p
	}
	doc, err := parseDocument(c.body)
	if err != nil {
		return nil, invalid(scimTypeSyntax, "%v", err).says(detailJSON)
	}
	return doc, nil
}

func (c *call) newRenderer(d *directory, v view) *renderer {
	scheme := "http"
	if c.r.TLS != nil {
		scheme = "https"
	}
	w := &renderer{rules: c.rules, d: d, view: v, base: scheme + "://" + c.r.Host + c.s.Path()}
	if c.rules.rfc {
		w.keep = newProjection(c.query.Get("attributes"), c.query.Get("excludedAttributes"))
	}
	return w
}

func (c *call) userReply(d *directory, u *user, status int, v view) response {
	w := c.newRenderer(d, v)
	resp := response{status: status, body: w.user(nil, u)}
	if c.rules.rfc {
		resp.location = w.location(d.user, u.id)
	}
	return resp
}

func (c *call) findUser(d *directory) (*user, error) {
	u := d.users[c.id]
	if u == nil {
		return nil, unknownResource("there is no user %s", c.id)
	}
	return u, nil
}

func (c *call) getUser() (response, error) {
	return c.read(func(d *directory) (response, error) {
		u, err := c.findUser(d)
		if err != nil {
			return response{}, err
		}
		return c.userReply(d, u, http.StatusOK, viewRead), nil
	})
}

func (c *call) createUser() (response, error) {
	o, err := c.userBody()
	if err != nil {
		return response{}, err
	}
	return c.write(func(d *directory) (response, error) {
		if err := c.checkQuota(len(d.users), cmp.Or(c.rules.opt.MaxUsers, 100_000), "users"); err != nil {
			return response{}, err
		}
		o = c.withDefaultActive(o, nil)
		if err := c.rules.checkUserRules(d, o, ""); err != nil {
			return response{}, err
		}
		id := c.s.random.id(c.rules.opt.IDPrefix)
		if err := c.s.commit(change{kind: changePutUser, id: id, at: c.now, attrs: o}); err != nil {
			return response{}, err
		}
		return c.userReply(d, d.users[id], http.StatusCreated, viewCreate), nil
	})
}

func (c *call) putUser() (response, error) {
	o, err := c.userBody()
	if err != nil {
		return response{}, err
	}
	return c.write(func(d *directory) (response, error) {
		u, err := c.findUser(d)
		if err != nil {
			return response{}, err
		}
		if ext := u.attrs.text(d.user.externalID); ext != "" && c.rules.opt.PutKeepsOmitted && o.text(d.user.externalID) == "" {
			o = o.with(d.user.externalID, ext)
		}
		o = c.withDefaultActive(o, u)
		return c.overwrite(d, u, o)
	})
}

// overwrite gives u the attributes o, if they are allowed.
func (c *call) overwrite(d *directory, u *user, o object) (response, error) {
	if err := c.rules.checkUserRules(d, o, u.id); err != nil {
		return response{}, err
	}
	if !equalValue(u.attrs, o) {
		if err := c.s.commit(change{kind: changePutUser, id: u.id, at: c.now, attrs: o}); err != nil {
			return response{}, err
		}
	}
	return c.userReply(d, u, http.StatusOK, viewRead), nil
}

func (c *call) userBody() (object, error) {
	doc, err := c.document()
	if err != nil {
		return nil, err
	}
	d := &decoder{rules: c.rules}
	return d.resource(c.rules.user, doc)
}

// withDefaultActive gives o the default of active, where it has none. was is the user who is overwritten.
func (c *call) withDefaultActive(o object, was *user) object {
	a := c.rules.user.active
	if c.rules.rfc || o.get(a) != nil {
		return o
	}
	if was != nil && c.rules.opt.PutKeepsOmitted {
		return o.with(a, was.attrs.get(a))
	}
	return o.with(a, c.rules.opt.ActiveByDefault)
}

func (c *call) deleteUser() (response, error) {
	return c.write(func(d *directory) (response, error) {
		u, err := c.findUser(d)
		if err != nil {
			return response{}, err
		}
		return response{status: http.StatusNoContent}, c.s.commit(change{kind: changeDeleteUser, id: u.id, at: c.now})
	})
}

// room is the error of a full directory.
func (c *call) checkQuota(have, most int, what string) error {
	if have < most && !c.faults.has(FaultQuota) {
		return nil
	}
	if c.rules.rfc {
		return &problem{status: http.StatusInsufficientStorage, reason: "the directory holds all the " + what + " it can"}
	}
	p := invalid("", "the quota of %d %s is reached", most, what)
	p.status = cmp.Or(c.rules.opt.QuotaStatus, p.status)
	return p
}

// checkUserRules checks what a schema cannot say: reserved names, and that nobody but id holds the names.
func (rules *rules) checkUserRules(d *directory, o object, id string) error {
	name := o.text(d.user.userName)
	switch {
	case rules.rfc:
	case reserved(name):
		return invalid(scimTypeValue, "the userName %q is reserved", name)
	case rules.opt.RequireEmail && d.user.email(o) == "":
		return invalid(scimTypeValue, "the user has no email address")
	}
	return rules.checkUserUnique(d, o, id)
}

// checkUserUnique is the error if somebody other than id holds a name of o. In RFC 7643 the userName alone is unique.
func (rules *rules) checkUserUnique(d *directory, o object, id string) error {
	r := d.user
	userName := func(o object) string { return o.text(r.userName) }
	exact := rules.opt.CaseSensitiveNames
	if rules.rfc {
		return free(&d.userNames, "userName", o, id, false, userName)
	}
	if err := free(&d.userNames, "userName", o, id, exact, userName); err != nil {
		return err
	}
	if err := free(&d.emails, "primary email", o, id, exact, r.email); err != nil {
		return err
	}
	return free(&d.userExternalIDs, "externalId", o, id, exact, func(o object) string { return o.text(r.externalID) })
}

// reserved is whether neither user nor group may have the name, says the Identity Store API.
func reserved(name string) bool {
	return strings.EqualFold(name, "Administrator") || strings.EqualFold(name, "AWSAdministrators")
}

// attributed is what has attributes: a user or a group.
type attributed interface {
	comparable
	key() (id string, attrs object)
}

// free is the error if an object other than id holds the same text as o.
func free[T attributed](x *index[T], what string, o object, id string, exact bool, text func(object) string) error {
	want := text(o)
	for v := range x.all(fold(want)) {
		holder, attrs := v.key()
		if holder != id && (!exact || text(attrs) == want) {
			return duplicate("the %s %q belongs to %s", what, want, holder)
		}
	}
	return nil
}
