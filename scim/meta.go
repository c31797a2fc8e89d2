package scim

import (
	"encoding/json"
	"time"
)

// Meta is the metadata that the server keeps for an object. It is never sent. A time is zero if the
// server does not send it or sends it in another format.
type Meta struct {
	ResourceType string    `json:"resourceType,omitempty"`
	Created      time.Time `json:"created,omitzero"`
	LastModified time.Time `json:"lastModified,omitzero"`
	Location     string    `json:"location,omitempty"`
}

// UnmarshalJSON implements [encoding/json.Unmarshaler]. An invalid time is not an error: the rest
// of the object is still useful.
func (m *Meta) UnmarshalJSON(data []byte) error {
	var w struct {
		ResourceType string `json:"resourceType"`
		Created      string `json:"created"`
		LastModified string `json:"lastModified"`
		Location     string `json:"location"`
	}
	if err := json.Unmarshal(data, &w); err != nil {
		return err
	}
	*m = Meta{ResourceType: w.ResourceType, Location: w.Location}
	m.Created, _ = time.Parse(time.RFC3339, w.Created)
	m.LastModified, _ = time.Parse(time.RFC3339, w.LastModified)
	return nil
}
