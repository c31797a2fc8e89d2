package awssim

import (
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
	if h := c.r.Header.Get("Content-Type"); h != "" || c.ru.standard {
		media, params, err := mime.ParseMediaType(h)
		charset := params["charset"]
		if err != nil || media != "application/scim+json" && media != "application/json" || charset != "" && !strings.EqualFold(charset, "utf-8") {
			p := invalid("", "the Content-Type %q is neither application/scim+json nor application/json", h)
			if c.ru.standard {
				p.status = http.StatusUnsupportedMediaType
			}
			return nil, p
		}
	}
	if c.bodyErr != nil {
		return nil, invalid(typeSyntax, "the body cannot be read: %v", c.bodyErr)
	}
	if len(c.body) > maxBody {
		p := invalid("", "the body is larger than %d bytes", maxBody)
		if c.ru.standard {
			p.status = http.StatusRequestEntityTooLarge
		}
		return nil, p
	}
	doc, err := parseDocument(c.body)
	if err != nil {
		return nil, invalid(typeSyntax, "%v", err).says(detailJSON)
	}
	return doc, nil
}

func (c *call) writer(d *directory, v view) *writer {
	scheme := "http"
	if c.r.TLS != nil {
		scheme = "https"
	}
	w := &writer{ru: c.ru, d: d, view: v, base: scheme + "://" + c.r.Host + c.s.Path()}
	if c.ru.standard {
		w.keep = newProjection(c.query.Get("attributes"), c.query.Get("excludedAttributes"))
	}
	return w
}

func (c *call) userReply(d *directory, u *user, status int, v view) reply {
	w := c.writer(d, v)
	rep := reply{status: status, body: w.user(nil, u)}
	if c.ru.standard {
		rep.location = w.location(d.user, u.id)
	}
	return rep
}

func (c *call) findUser(d *directory) (*user, error) {
	u := d.users[c.id]
	if u == nil {
		return nil, unknownResource("there is no user %s", c.id)
	}
	return u, nil
}

func (c *call) getUser() (reply, error) {
	return c.read(func(d *directory) (reply, error) {
		u, err := c.findUser(d)
		if err != nil {
			return reply{}, err
		}
		return c.userReply(d, u, http.StatusOK, viewRead), nil
	})
}

func (c *call) createUser() (reply, error) {
	o, err := c.userBody()
	if err != nil {
		return reply{}, err
	}
	return c.write(func(d *directory) (reply, error) {
		if err := c.room(len(d.users), pick(c.ru.opt.MaxUsers, 100_000), "users"); err != nil {
			return reply{}, err
		}
		o = c.withActive(o, nil)
		if err := c.ru.checkUser(d, o, ""); err != nil {
			return reply{}, err
		}
		id := c.s.random.id(c.ru.opt.IDPrefix)
		if err := c.s.commit(change{kind: changePutUser, id: id, at: c.now, attrs: o}); err != nil {
			return reply{}, err
		}
		return c.userReply(d, d.users[id], http.StatusCreated, viewCreate), nil
	})
}

func (c *call) putUser() (reply, error) {
	o, err := c.userBody()
	if err != nil {
		return reply{}, err
	}
	return c.write(func(d *directory) (reply, error) {
		u, err := c.findUser(d)
		if err != nil {
			return reply{}, err
		}
		if ext := u.attrs.text(d.user.externalID); ext != "" && c.ru.opt.PutKeeps && o.text(d.user.externalID) == "" {
			o = o.with(d.user.externalID, ext)
		}
		o = c.withActive(o, u)
		return c.overwrite(d, u, o)
	})
}

// overwrite gives u the attributes o, if they are allowed.
func (c *call) overwrite(d *directory, u *user, o object) (reply, error) {
	if err := c.ru.checkUser(d, o, u.id); err != nil {
		return reply{}, err
	}
	if !equalValue(u.attrs, o) {
		if err := c.s.commit(change{kind: changePutUser, id: u.id, at: c.now, attrs: o}); err != nil {
			return reply{}, err
		}
	}
	return c.userReply(d, u, http.StatusOK, viewRead), nil
}

func (c *call) userBody() (object, error) {
	doc, err := c.document()
	if err != nil {
		return nil, err
	}
	d := &decoder{ru: c.ru}
	return d.resource(c.ru.user, doc)
}

// withActive gives o the default of active, where it has none. was is the user who is overwritten.
func (c *call) withActive(o object, was *user) object {
	a := c.ru.user.active
	if c.ru.standard || o.get(a) != nil {
		return o
	}
	if was != nil && c.ru.opt.PutKeeps {
		return o.with(a, was.attrs.get(a))
	}
	return o.with(a, c.ru.opt.ActiveByDefault)
}

func (c *call) deleteUser() (reply, error) {
	return c.write(func(d *directory) (reply, error) {
		u, err := c.findUser(d)
		if err != nil {
			return reply{}, err
		}
		return reply{status: http.StatusNoContent}, c.s.commit(change{kind: changeDeleteUser, id: u.id, at: c.now})
	})
}

// room is the error of a full directory.
func (c *call) room(have, most int, what string) error {
	if have < most && !c.hits.has(FaultQuota) {
		return nil
	}
	if c.ru.standard {
		return &problem{status: http.StatusInsufficientStorage, reason: "the directory holds all the " + what + " it can"}
	}
	p := invalid("", "the quota of %d %s is reached", most, what)
	p.status = pick(c.ru.opt.QuotaStatus, p.status)
	return p
}

// checkUser checks what a schema cannot say: reserved names, and that nobody but id holds the names.
func (ru *rules) checkUser(d *directory, o object, id string) error {
	name := o.text(d.user.userName)
	switch {
	case ru.standard:
	case reserved(name):
		return invalid(typeValue, "the userName %q is reserved", name)
	case ru.opt.RequireEmail && d.user.email(o) == "":
		return invalid(typeValue, "the user has no email address")
	}
	return ru.takenUser(d, o, id)
}

// takenUser is the error if somebody other than id holds a name of o. In RFC 7643 the userName alone is unique.
func (ru *rules) takenUser(d *directory, o object, id string) error {
	r := d.user
	userName := func(o object) string { return o.text(r.userName) }
	exact := ru.opt.CaseSensitiveNames
	if ru.standard {
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
