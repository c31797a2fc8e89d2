package awssim

func (c *call) patchUser() (response, error) {
	ops, err := c.patchOps()
	if err != nil {
		return response{}, err
	}
	if err := c.checkOncePerPatch(ops); err != nil {
		return response{}, err
	}
	return c.write(func(d *directory) (response, error) {
		u, err := c.findUser(d)
		if err != nil {
			return response{}, err
		}
		o := u.attrs
		for i, op := range ops {
			next, err := c.applyUserOp(o, op)
			if err != nil && i > 0 && c.rules.opt.PartialPatch {
				if _, partialErr := c.replaceUser(d, u, o); partialErr != nil {
					return response{}, partialErr
				}
			}
			if err != nil {
				return response{}, err
			}
			o = next
		}
		return c.replaceUser(d, u, o)
	})
}

// applyUserOp returns o after one operation.
func (c *call) applyUserOp(o object, op patchOp) (object, error) {
	p := newPatcher(c.rules, c.rules.user)
	parts, err := op.splitByAttribute(c.rules)
	if err != nil {
		return nil, err
	}
	for _, part := range parts {
		if o, err = p.apply(o, part); err != nil {
			return nil, err
		}
	}
	return o, p.validate(o)
}

// checkOncePerPatch rejects several operations on an attribute that a PATCH may change only once,
// and its removal. AWS supports neither.
func (c *call) checkOncePerPatch(ops []patchOp) error {
	if c.rules.rfc {
		return nil
	}
	changed := map[*attribute]bool{}
	for _, op := range ops {
		parts, err := op.splitByAttribute(c.rules)
		if err != nil {
			return err
		}
		path := parts[0].path.attrPath
		a := findAttribute(c.rules.user.attrs, path.attr, true)
		if a == nil || !a.has(oncePerPatch) || path.urn != "" || path.sub != "" {
			continue
		}
		if op.op == "remove" {
			return invalid("", "PATCH cannot remove %s", a.name)
		}
		if changed[a] {
			return invalid("", "several operations change %s", a.name)
		}
		changed[a] = true
	}
	return nil
}
