package awssim

import (
	"cmp"
	"net/http"
	"strings"
)

func (c *call) userResponse(d *directory, u *user, status int, v view) response {
	r := c.newRenderer(d, v)
	resp := response{status: status, body: r.appendUser(nil, u)}
	if c.rules.rfc {
		resp.location = r.location(d.user, u.id)
	}
	return resp
}

func (c *call) findUser(d *directory) (*user, error) {
	u := d.users[c.id]
	if u == nil {
		return nil, notFound("user %s not found", c.id)
	}
	return u, nil
}

func (c *call) getUser() (response, error) {
	return c.read(func(d *directory) (response, error) {
		u, err := c.findUser(d)
		if err != nil {
			return response{}, err
		}
		return c.userResponse(d, u, http.StatusOK, viewRead), nil
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
		if err := c.rules.checkUser(d, o, ""); err != nil {
			return response{}, err
		}
		id := c.s.random.id(c.rules.opt.IDPrefix)
		if err := c.s.commit(change{kind: changePutUser, id: id, at: c.now, attrs: o}); err != nil {
			return response{}, err
		}
		return c.userResponse(d, d.users[id], http.StatusCreated, viewCreate), nil
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
		externalID := u.attrs.getString(d.user.externalID)
		if externalID != "" && c.rules.opt.PutKeepsOmitted && o.getString(d.user.externalID) == "" {
			o = o.with(d.user.externalID, externalID)
		}
		o = c.withDefaultActive(o, u)
		return c.replaceUser(d, u, o)
	})
}

// replaceUser sets the attributes of u to o, if the rules allow it.
func (c *call) replaceUser(d *directory, u *user, o object) (response, error) {
	if err := c.rules.checkUser(d, o, u.id); err != nil {
		return response{}, err
	}
	if !equalValue(u.attrs, o) {
		if err := c.s.commit(change{kind: changePutUser, id: u.id, at: c.now, attrs: o}); err != nil {
			return response{}, err
		}
	}
	return c.userResponse(d, u, http.StatusOK, viewRead), nil
}

func (c *call) userBody() (object, error) {
	doc, err := c.document()
	if err != nil {
		return nil, err
	}
	d := &decoder{rules: c.rules}
	return d.resource(c.rules.user, doc)
}

// withDefaultActive sets active to its default if o does not have it. current is the user that is
// replaced, or nil.
func (c *call) withDefaultActive(o object, current *user) object {
	a := c.rules.user.active
	if c.rules.rfc || o.get(a) != nil {
		return o
	}
	if current != nil && c.rules.opt.PutKeepsOmitted {
		return o.with(a, current.attrs.get(a))
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

// checkQuota fails if the directory has no room for another object. objects names their type.
func (c *call) checkQuota(have, quota int, objects string) error {
	if have < quota && !c.faults.has(FaultQuota) {
		return nil
	}
	if c.rules.rfc {
		return &problem{status: http.StatusInsufficientStorage, reason: "the directory has no room for more " + objects}
	}
	p := invalid("", "the quota of %d %s is reached", quota, objects)
	p.status = cmp.Or(c.rules.opt.QuotaStatus, p.status)
	return p
}

// checkUser checks what the attribute table does not express: reserved names, and that no other
// user has the same names. id is the user's id, or "" for a new one.
func (r *rules) checkUser(d *directory, o object, id string) error {
	name := o.getString(d.user.userName)
	switch {
	case r.rfc:
	case reservedName(name):
		return invalid(scimTypeValue, "the userName %q is reserved", name)
	case r.opt.RequireEmail && d.user.email(o) == "":
		return invalid(scimTypeValue, "the user has no email address")
	}
	return r.checkUserUnique(d, o, id)
}

// checkUserUnique fails if a user other than id has the same value of a unique attribute.
func (r *rules) checkUserUnique(d *directory, o object, id string) error {
	for _, x := range d.userIndexes() {
		if !x.attr.has(unique | uniquePrimary) {
			continue
		}
		if err := x.checkUnique(o, id, r.caseSensitiveNames()); err != nil {
			return err
		}
	}
	return nil
}

// caseSensitiveNames reports whether two objects may have names that differ only in case.
func (r *rules) caseSensitiveNames() bool { return !r.rfc && r.opt.CaseSensitiveNames }

// reservedName reports whether the Identity Store API reserves the name, for users and for groups.
func reservedName(name string) bool {
	return strings.EqualFold(name, "Administrator") || strings.EqualFold(name, "AWSAdministrators")
}
