package scim

import (
	"encoding/json"
	"time"

	"github.com/go-json-experiment/json/jsontext"
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
	var w wireMeta
	if err := json.Unmarshal(data, &w); err != nil {
		return err
	}
	m.set(&w)
	return nil
}

// UnmarshalJSONFrom is UnmarshalJSON for a decoder that reads a body in one pass.
func (m *Meta) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	var w wireMeta
	if err := decode(d, &w); err != nil {
		return err
	}
	m.set(&w)
	return nil
}

// wireMeta is the metadata in a response.
type wireMeta struct {
	ResourceType string `json:"resourceType"`
	Created      string `json:"created"`
	LastModified string `json:"lastModified"`
	Location     string `json:"location"`
}

func (m *Meta) set(w *wireMeta) {
	*m = Meta{ResourceType: w.ResourceType, Location: w.Location}
	m.Created, _ = time.Parse(time.RFC3339, w.Created)
	m.LastModified, _ = time.Parse(time.RFC3339, w.LastModified)
}
