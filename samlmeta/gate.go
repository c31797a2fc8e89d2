package samlmeta

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	xrv "github.com/mattermost/xml-roundtrip-validator"

	"github.com/seed-d64a251c/roster/schema"
)

// What a metadata file may be. AWS's own has some ten kilobytes, and AWS takes 75,000 characters.
const (
	maxFile     = 256 << 10
	maxDepth    = 32
	maxElements = 5000
	maxAttrs    = 64 // of one element
)

// The namespaces of SAML metadata.
const (
	metadataNS  = "urn:oasis:names:tc:SAML:2.0:metadata"
	assertionNS = "urn:oasis:names:tc:SAML:2.0:assertion"
	signatureNS = "http://www.w3.org/2000/09/xmldsig#"
	encryptNS   = "http://www.w3.org/2001/04/xmlenc#"
)

// document is a file that has passed the gate.
type document struct {
	name     string
	data     []byte
	elements []element // in the order of their start tags
}

// element is one start tag and where it stands.
type element struct {
	pos    schema.Pos
	name   xml.Name
	parent int // index in elements, -1 of the root
	attrs  []xml.Attr
}

func (e *element) attr(local string) string {
	for _, a := range e.attrs {
		if a.Name.Space == "" && a.Name.Local == local {
			return a.Value
		}
	}
	return ""
}

// pass lets a file through the gate: what comes out is XML of bounded size in the namespaces of SAML metadata, which means to every decoder
// what it means to this one.
func pass(name string, data []byte) (*document, error) {
	start := schema.Pos{File: name, Line: 1, Column: 1}
	switch {
	case len(data) > maxFile:
		return nil, schema.Problems{hostileXML.at(start, "", "has %d bytes; metadata files of up to %d are read", len(data), maxFile)}
	case !utf8.Valid(data):
		return nil, schema.Problems{hostileXML.at(start, "", "is not UTF-8")}
	}
	g := &gate{doc: &document{name: name, data: data}, decoder: xml.NewDecoder(bytes.NewReader(data)), above: -1}
	for {
		done, err := g.token()
		if err != nil {
			return nil, err
		}
		if done {
			break
		}
	}
	if len(g.doc.elements) == 0 {
		return nil, schema.Problems{notMetadata.at(start, "", "has no XML element")}
	}
	if err := xrv.Validate(bytes.NewReader(data)); err != nil {
		return nil, schema.Problems{hostileXML.at(start, "", "means different things to different readers: %v", err)}
	}
	return g.doc, nil
}

type gate struct {
	doc     *document
	decoder *xml.Decoder
	above   int // the element that is open
	depth   int
	foreign int // the depth of the Extensions that is open; 0 outside
}

// pos is where the decoder is. It says column 0 of a line that it has just looked into.
func (g *gate) pos() schema.Pos {
	line, column := g.decoder.InputPos()
	return schema.Pos{File: g.doc.name, Line: line, Column: max(1, column)}
}

// token takes the next token in; done is true at the end of the file.
func (g *gate) token() (done bool, err error) {
	pos := g.pos()
	refuse := func(format string, args ...any) error {
		return schema.Problems{hostileXML.at(pos, "", format, args...)}
	}
	token, err := g.decoder.Token()
	var bad *xml.SyntaxError
	switch {
	case errors.Is(err, io.EOF):
		return true, nil
	case errors.As(err, &bad):
		return false, schema.Problems{hostileXML.at(g.pos(), "", "is not well-formed XML: %s", bad.Msg)}
	case err != nil:
		return false, schema.Problems{hostileXML.at(pos, "", "is not well-formed XML: %v", err)}
	}
	switch t := token.(type) {
	case xml.Directive:
		return false, refuse("has a DTD or another directive; SAML metadata has none")
	case xml.ProcInst:
		if t.Target != "xml" || pos.Line != 1 {
			return false, refuse("has a processing instruction, %q; SAML metadata has none", t.Target)
		}
	case xml.CharData:
		if g.depth == 0 && len(bytes.Trim(t, " \t\r\n\ufeff")) > 0 {
			return false, refuse("has text outside of its element")
		}
	case xml.EndElement:
		if g.depth == g.foreign {
			g.foreign = 0
		}
		g.depth--
		g.above = g.doc.elements[g.above].parent
	case xml.StartElement:
		g.depth++
		switch {
		case g.depth == 1 && len(g.doc.elements) > 0:
			return false, refuse("has a second element after the first")
		case g.depth > maxDepth:
			return false, refuse("nests elements more than %d deep", maxDepth)
		case len(g.doc.elements) == maxElements:
			return false, refuse("has more than %d elements", maxElements)
		case len(t.Attr) > maxAttrs:
			return false, refuse("has an element with more than %d attributes", maxAttrs)
		case g.foreign == 0 && !belongs(t.Name):
			return false, refuse("has the element %q of namespace %q, which has no place in SAML metadata", t.Name.Local, t.Name.Space)
		}
		if why := twice(t.Attr); why != "" {
			return false, refuse("%s", why)
		}
		if g.foreign == 0 && t.Name.Local == "Extensions" {
			g.foreign = g.depth
		}
		g.doc.elements = append(g.doc.elements, element{pos: pos, name: t.Name, parent: g.above, attrs: slices.Clone(t.Attr)})
		g.above = len(g.doc.elements) - 1
	}
	return false, nil
}

// readByName are the elements that mean something here: none of another namespace may pass for one, since decoders do not all look at it.
var readByName = append([]string{"EntityDescriptor", "EntitiesDescriptor", "KeyDescriptor", "NameIDFormat", "AssertionConsumerService", "SingleSignOnService", "Extensions"}, roles...)

// belongs reports whether SAML metadata may have an element of that name.
func belongs(name xml.Name) bool {
	switch name.Space {
	case metadataNS:
		return true
	case assertionNS, signatureNS, encryptNS:
		return !slices.Contains(readByName, name.Local)
	}
	return false
}

// twice tells of an attribute that is given twice, which is not well-formed but which Go's decoder lets through.
func twice(attrs []xml.Attr) string {
	for i, a := range attrs {
		if slices.ContainsFunc(attrs[:i], func(b xml.Attr) bool { return b.Name == a.Name }) {
			return fmt.Sprintf("gives the attribute %q twice", a.Name.Local)
		}
	}
	return ""
}

// all returns the elements of the metadata namespace with that name, those in Extensions left out.
func (d *document) all(local string) []*element {
	var out []*element
	for i := range d.elements {
		if e := &d.elements[i]; e.name == (xml.Name{Space: metadataNS, Local: local}) && !d.extended(i) {
			out = append(out, e)
		}
	}
	return out
}

// extended reports whether an element stands in an Extensions.
func (d *document) extended(i int) bool {
	for i = d.elements[i].parent; i >= 0; i = d.elements[i].parent {
		if d.elements[i].name.Local == "Extensions" {
			return true
		}
	}
	return false
}

// rootPos is where the document's element stands.
func (d *document) rootPos() schema.Pos { return d.elements[0].pos }

// entity insists that the document is one EntityDescriptor.
func (d *document) entity() schema.Problems {
	root := d.elements[0]
	switch {
	case root.name == xml.Name{Space: metadataNS, Local: "EntitiesDescriptor"}:
		return schema.Problems{notMetadata.at(root.pos, "", "describes several entities; one is wanted")}
	case root.name != xml.Name{Space: metadataNS, Local: "EntityDescriptor"}:
		return schema.Problems{notMetadata.at(root.pos, "", "begins with %q of namespace %q; SAML metadata begins with EntityDescriptor of %q", root.name.Local, root.name.Space, metadataNS)}
	case len(d.all("EntityDescriptor")) > 1:
		return schema.Problems{notMetadata.at(d.all("EntityDescriptor")[1].pos, "", "has an EntityDescriptor within another")}
	case strings.TrimSpace(root.attr("entityID")) == "" || len(root.attr("entityID")) > 1024:
		return schema.Problems{notMetadata.at(root.pos, "", "has no entityID, or one of more than 1024 characters")}
	}
	return nil
}
