package samlmeta

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	xrv "github.com/mattermost/xml-roundtrip-validator"

	"github.com/seed-d64a251c/roster/schema"
)

// The limits of a metadata file. The files of AWS have about ten kilobytes, and AWS accepts 75,000
// characters.
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

// document is a file that parseDocument has accepted.
type document struct {
	name     string
	data     []byte
	elements []element // in the order of their start tags
}

// element is a start tag with its position.
type element struct {
	pos    schema.Pos
	name   xml.Name
	parent int // index in elements; -1 for the root
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

// parseDocument checks a file and lists its elements. It accepts only XML of limited size, in the
// namespaces of SAML metadata, that every decoder interprets in the same way.
func parseDocument(name string, data []byte) (*document, error) {
	start := schema.Pos{File: name, Line: 1, Column: 1}
	if len(data) > maxFile {
		return nil, schema.Problems{hostileXML.at(start, "", "has %d bytes; the maximum for metadata is %d", len(data),
			maxFile)}
	}
	data, other := schema.PlainText(data)
	if other != "" {
		return nil, schema.Problems{hostileXML.at(start, "", "%s", strings.TrimPrefix(other, "the file "))}
	}
	r := &documentReader{doc: &document{name: name, data: data}, decoder: xml.NewDecoder(bytes.NewReader(data)),
		current: -1}
	for {
		done, err := r.token()
		if err != nil {
			return nil, err
		}
		if done {
			break
		}
	}
	if len(r.doc.elements) == 0 {
		return nil, schema.Problems{notMetadata.at(start, "", "has no XML element")}
	}
	if err := xrv.Validate(bytes.NewReader(data)); err != nil {
		return nil, schema.Problems{hostileXML.at(start, "", "is ambiguous: XML parsers may interpret it "+
			"differently: %v", err)}
	}
	return r.doc, nil
}

// documentReader reads the tokens of a document.
type documentReader struct {
	doc             *document
	decoder         *xml.Decoder
	current         int // index of the open element; -1 outside the root
	depth           int
	extensionsDepth int // depth of the open Extensions element; 0 outside
}

// pos returns the position of the decoder. The decoder reports column 0 at the start of a line.
func (r *documentReader) pos() schema.Pos {
	line, column := r.decoder.InputPos()
	return schema.Pos{File: r.doc.name, Line: line, Column: max(1, column)}
}

// token reads the next token; done is true at the end of the file.
func (r *documentReader) token() (done bool, err error) {
	pos := r.pos()
	reject := func(format string, args ...any) error {
		return schema.Problems{hostileXML.at(pos, "", format, args...)}
	}
	token, err := r.decoder.Token()
	var bad *xml.SyntaxError
	switch {
	case errors.Is(err, io.EOF):
		return true, nil
	case errors.As(err, &bad):
		return false, schema.Problems{hostileXML.at(r.pos(), "", "is not well-formed XML: %s",
			strings.ReplaceAll(bad.Msg, "unexpected EOF", "the file ends before the document"))}
	case err != nil:
		return false, schema.Problems{hostileXML.at(pos, "", "is not well-formed XML: %v", err)}
	}
	switch t := token.(type) {
	case xml.Directive:
		return false, reject("has a DTD or another directive, which is not allowed in SAML metadata")
	case xml.ProcInst:
		if t.Target != "xml" || pos.Line != 1 {
			return false, reject("has a processing instruction %q, which is not allowed in SAML metadata", t.Target)
		}
	case xml.CharData:
		if r.depth == 0 && len(bytes.Trim(t, " \t\r\n\ufeff")) > 0 {
			return false, reject("has text outside of the root element")
		}
	case xml.EndElement:
		if r.depth == r.extensionsDepth {
			r.extensionsDepth = 0
		}
		r.depth--
		r.current = r.doc.elements[r.current].parent
	case xml.StartElement:
		r.depth++
		switch {
		case r.depth == 1 && len(r.doc.elements) > 0:
			return false, reject("has a second root element")
		case r.depth > maxDepth:
			return false, reject("nests elements more than %d deep", maxDepth)
		case len(r.doc.elements) == maxElements:
			return false, reject("has more than %d elements", maxElements)
		case len(t.Attr) > maxAttrs:
			return false, reject("has an element with more than %d attributes", maxAttrs)
		case r.extensionsDepth == 0 && !allowedElement(t.Name):
			return false, reject("has the element %q of namespace %q, which is not allowed in SAML metadata",
				t.Name.Local, t.Name.Space)
		}
		if why := duplicateAttribute(t.Attr); why != "" {
			return false, reject("%s", why)
		}
		if r.extensionsDepth == 0 && t.Name.Local == "Extensions" {
			r.extensionsDepth = r.depth
		}
		r.doc.elements = append(r.doc.elements, element{pos: pos, name: t.Name, parent: r.current,
			attrs: slices.Clone(t.Attr)})
		r.current = len(r.doc.elements) - 1
	}
	return false, nil
}

// reservedNames are the elements that this package reads. They must not be in another namespace,
// because some decoders ignore the namespace.
var reservedNames = append([]string{"EntityDescriptor", "EntitiesDescriptor", "KeyDescriptor", "NameIDFormat",
	"AssertionConsumerService", "SingleSignOnService", "Extensions"}, roles...)

// allowedElement reports whether SAML metadata may have an element with this name.
func allowedElement(name xml.Name) bool {
	switch name.Space {
	case metadataNS:
		return true
	case assertionNS, signatureNS, encryptNS:
		return !slices.Contains(reservedNames, name.Local)
	}
	return false
}

// duplicateAttribute describes an attribute that occurs twice, or returns "". This is not
// well-formed XML, but Go's decoder accepts it.
func duplicateAttribute(attrs []xml.Attr) string {
	for i, a := range attrs {
		if slices.ContainsFunc(attrs[:i], func(b xml.Attr) bool { return b.Name == a.Name }) {
			return fmt.Sprintf("has the attribute %q twice in one element", a.Name.Local)
		}
	}
	return ""
}

// all returns the elements of the metadata namespace with this name, except those in Extensions.
func (d *document) all(local string) []*element {
	var out []*element
	for i := range d.elements {
		if e := &d.elements[i]; e.name == (xml.Name{Space: metadataNS, Local: local}) && !d.inExtensions(i) {
			out = append(out, e)
		}
	}
	return out
}

// inExtensions reports whether an element is in an Extensions element.
func (d *document) inExtensions(i int) bool {
	for i = d.elements[i].parent; i >= 0; i = d.elements[i].parent {
		if d.elements[i].name.Local == "Extensions" {
			return true
		}
	}
	return false
}

// rootPos returns the position of the root element.
func (d *document) rootPos() schema.Pos { return d.elements[0].pos }

// checkEntity checks that the document has exactly one EntityDescriptor.
func (d *document) checkEntity() schema.Problems {
	root := d.elements[0]
	switch {
	case root.name == xml.Name{Space: metadataNS, Local: "EntitiesDescriptor"}:
		return schema.Problems{notMetadata.at(root.pos, "", "describes several entities; it must describe one")}
	case root.name != xml.Name{Space: metadataNS, Local: "EntityDescriptor"}:
		return schema.Problems{notMetadata.at(root.pos, "",
			"has the root element %q of namespace %q; it must be EntityDescriptor of %q", root.name.Local,
			root.name.Space, metadataNS)}
	case len(d.all("EntityDescriptor")) > 1:
		return schema.Problems{notMetadata.at(d.all("EntityDescriptor")[1].pos, "",
			"has an EntityDescriptor within another")}
	case strings.TrimSpace(root.attr("entityID")) == "" || len(root.attr("entityID")) > 1024:
		return schema.Problems{notMetadata.at(root.pos, "", "has no entityID, or one of more than 1024 characters")}
	}
	return nil
}
