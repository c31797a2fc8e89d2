package schema

import (
	"fmt"
	"regexp"

	"github.com/seed-d64a251c/roster/internal/civil"
)

func (d *decoder) provisioners() error {
	for key, w := range d.in.Provisioners {
		p := w.Provisioner
		if p == nil || p.Key != key {
			return errInconsistent
		}
		if err := d.provisioner(p, w.Timezone); err != nil {
			return fmt.Errorf("provisioner %q: %w", key, err)
		}
		d.out.Provisioners[key] = p
	}
	return nil
}

func (d *decoder) provisioner(p *Provisioner, zone string) (err error) {
	if p.Timezone, err = civil.LoadZone(zone); err != nil {
		return err
	}
	if d.out.Mappings[p.Mapping] == nil || p.App != "" && d.out.Apps[p.App] == nil || !p.Auth.Valid() {
		return errInconsistent
	}
	for _, key := range p.Groups {
		if d.out.Groups[key] == nil {
			return fmt.Errorf("group %q: %w", key, errInconsistent)
		}
	}
	if p.Schedule != "" {
		if _, err := ParseSchedule(p.Schedule, p.Timezone); err != nil {
			return err
		}
	}
	for _, w := range p.Windows {
		if w == nil {
			return errInconsistent
		}
	}
	for _, l := range p.Limits {
		if l == nil {
			return errInconsistent
		}
	}
	if p.Paused != nil {
		if err := d.completeDate(&p.Paused.Until); err != nil {
			return err
		}
	}
	if p.Identity() == "" {
		return errInconsistent
	}
	return d.completeDate(&p.TokenExpires)
}

func (d *decoder) apps() error {
	for key, a := range d.out.Apps {
		if a == nil || a.Key != key {
			return errInconsistent
		}
		for group, access := range a.Access {
			if access == nil || d.out.Groups[group] == nil {
				return errInconsistent
			}
		}
		if a.SAML == nil || a.SAML.IdentityProvider == nil {
			continue
		}
		idp := a.SAML.IdentityProvider
		if err := d.completeDate(&idp.Uploaded); err != nil {
			return err
		}
		for _, s := range idp.Signing {
			if s == nil {
				return errInconsistent
			}
			for phase, date := range s.Dates {
				if err := d.completeDate(&date); err != nil {
					return err
				}
				s.Dates[phase] = date
			}
		}
	}
	return nil
}

func (d *decoder) assertions() error {
	for key, a := range d.out.Assertions {
		if a == nil || a.Key != key {
			return errInconsistent
		}
		for _, group := range a.Disjoint {
			if d.out.Groups[group] == nil {
				return errInconsistent
			}
		}
		if a.AtLeast != nil && d.out.Groups[a.AtLeast.Group] == nil {
			return errInconsistent
		}
		if a.Only != nil {
			if _, err := regexp.Compile(a.Only.Pattern); err != nil {
				return err
			}
			if err := plainRule(a.Only.Where); err != nil {
				return err
			}
		}
	}
	return nil
}
