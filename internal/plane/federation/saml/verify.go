package saml

import (
	"bytes"
	"crypto/x509"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
	"github.com/russellhaering/goxmldsig/etreeutils"
)

const (
	// maxTokens and maxDepth bound a document; ordinary ones have a few hundred and ten.
	maxTokens = 20_000
	maxDepth  = 40
)

// parse reads a document that has no document type, no instructions and no more of anything than the bounds.
func parse(text []byte) (*etree.Element, error) {
	d := xml.NewDecoder(bytes.NewReader(text))
	depth := 0
	for n := 0; ; n++ {
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("reading XML: %w", err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			depth++
		case xml.EndElement:
			depth--
		case xml.Directive:
			return nil, errors.New("the document has a document type")
		case xml.ProcInst:
			if n != 0 || t.Target != "xml" {
				return nil, errors.New("the document has instructions")
			}
		}
		if n > maxTokens || depth > maxDepth {
			return nil, errors.New("the document is too large or too deep")
		}
	}
	document := etree.NewDocument()
	document.ReadSettings.ValidateInput = true
	if err := document.ReadFromBytes(text); err != nil {
		return nil, fmt.Errorf("reading XML: %w", err)
	}
	if document.Root() == nil {
		return nil, errors.New("the document is empty")
	}
	return document.Root(), nil
}

func is(e *etree.Element, space, name string) bool { return e.Tag == name && e.NamespaceURI() == space }

// checkShape refuses all documents in which the reader and the verifier could look at different things:
// anything but one Response, with at most one Assertion as its child, signatures only as children of these
// two, one each, and no id twice.
func checkShape(root *etree.Element) error {
	if !is(root, protocolSpace, "Response") {
		return fmt.Errorf("the document is a %q", root.FullTag())
	}
	ids := map[string]bool{}
	assertions := 0
	var walk func(e *etree.Element) error
	walk = func(e *etree.Element) error {
		for _, a := range e.Attr {
			if !strings.EqualFold(a.Key, "id") {
				continue
			}
			if ids[a.Value] {
				return fmt.Errorf("the id %.100q occurs twice", a.Value)
			}
			ids[a.Value] = true
		}
		parent := e.Parent()
		switch {
		case e.Tag == "Assertion":
			if assertions++; assertions > 1 || parent != root || e.NamespaceURI() != assertionSpace {
				return errors.New("want one Assertion, in the Response")
			}
		case e.Tag == "EncryptedAssertion":
			return errors.New("encrypted assertions are not supported")
		case e.Tag == "Response" && e != root:
			return errors.New("a Response in the Response")
		case e.Tag == "Signature":
			if e.NamespaceURI() != signatureSpace || parent != root && !(is(parent, assertionSpace, "Assertion") && parent.Parent() == root) {
				return errors.New("a Signature where none belongs")
			}
			if len(children(parent, signatureSpace, "Signature")) != 1 {
				return errors.New("two signatures of one element")
			}
		}
		for _, c := range e.ChildElements() {
			if err := walk(c); err != nil {
				return err
			}
		}
		return nil
	}
	return walk(root)
}

// prove verifies every signature in the response, of which there must be one, and returns the assertion as it
// was signed.
func (p *Provider) prove(response *etree.Element) (*etree.Element, error) {
	signed := false
	if len(children(response, signatureSpace, "Signature")) > 0 {
		var err error
		if response, err = p.verify(response); err != nil {
			return nil, fmt.Errorf("response: %w", err)
		}
		signed = true
	}
	assertions := children(response, assertionSpace, "Assertion")
	if len(assertions) != 1 {
		return nil, fmt.Errorf("%d assertions", len(assertions))
	}
	assertion := assertions[0]
	if len(children(assertion, signatureSpace, "Signature")) > 0 {
		// Its namespaces may be declared around it.
		around, err := etreeutils.NSBuildParentContext(assertion)
		if err != nil {
			return nil, fmt.Errorf("assertion: %w", err)
		}
		if assertion, err = etreeutils.NSDetatch(around, assertion); err != nil {
			return nil, fmt.Errorf("assertion: %w", err)
		}
		if assertion, err = p.verify(assertion); err != nil {
			return nil, fmt.Errorf("assertion: %w", err)
		}
		signed = true
	}
	if !signed {
		return nil, errors.New("nothing is signed")
	}
	if !is(assertion, assertionSpace, "Assertion") {
		return nil, errors.New("what is signed is no assertion")
	}
	return assertion, nil
}

// verify proves the signature in e, over e, and returns e parsed from what was signed.
func (p *Provider) verify(e *etree.Element) (*etree.Element, error) {
	e = e.Copy()
	signature := children(e, signatureSpace, "Signature")[0]
	if err := checkSignature(signature, e.SelectAttrValue("ID", "")); err != nil {
		return nil, err
	}
	// Whose key it is, the metadata says; what the document says of it is nobody's word.
	for _, info := range children(signature, signatureSpace, "KeyInfo") {
		signature.RemoveChild(info)
	}
	failures := make([]error, 0, len(p.Certificates))
	for _, c := range p.Certificates {
		context := dsig.NewDefaultValidationContext(&dsig.MemoryX509CertificateStore{Roots: []*x509.Certificate{c}})
		context.Clock = dsig.NewFakeClockAt(c.NotBefore) // dates of certificates do not count, see Provider
		proven, err := context.Validate(e)
		if err == nil && proven != nil {
			return proven, nil
		}
		failures = append(failures, err)
	}
	return nil, errors.Join(append(failures, errors.New("no certificate of the provider's metadata verifies it"))...)
}

// checkSignature allows one form: one reference, to the element itself by its id, without comments, and
// nothing that is broken.
func checkSignature(signature *etree.Element, id string) error {
	infos := children(signature, signatureSpace, "SignedInfo")
	if len(infos) != 1 || len(children(signature, signatureSpace, "Object")) > 0 {
		return errors.New("want one SignedInfo and no Object")
	}
	info := infos[0]
	for name, allowed := range map[string][]string{
		"CanonicalizationMethod": canonicalizations(), "SignatureMethod": signatureMethods(),
	} {
		if algorithm, err := only(info, name); err != nil || !slices.Contains(allowed, algorithm.SelectAttrValue("Algorithm", "")) {
			return errors.Join(err, fmt.Errorf("%s is not supported", name))
		}
	}
	reference, err := only(info, "Reference")
	if err != nil {
		return err
	}
	if id == "" || reference.SelectAttrValue("URI", "") != "#"+id {
		return errors.New("the reference is not to the element that holds the signature")
	}
	digest, err := only(reference, "DigestMethod")
	if err != nil || !slices.Contains(digestMethods(), digest.SelectAttrValue("Algorithm", "")) {
		return errors.Join(err, errors.New("DigestMethod is not supported"))
	}
	transforms, err := only(reference, "Transforms")
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, t := range transforms.ChildElements() {
		algorithm := t.SelectAttrValue("Algorithm", "")
		kind := "canonicalization"
		if algorithm == enveloped {
			kind = enveloped
		} else if !slices.Contains(canonicalizations(), algorithm) {
			return fmt.Errorf("transform %.100q is not supported", algorithm)
		}
		if seen[kind] || !is(t, signatureSpace, "Transform") {
			return errors.New("want one transform of a kind")
		}
		seen[kind] = true
	}
	if !seen[enveloped] || !seen["canonicalization"] {
		return errors.New("want the transforms enveloped-signature and a canonicalization")
	}
	return nil
}

func only(e *etree.Element, name string) (*etree.Element, error) {
	found := children(e, signatureSpace, name)
	if len(found) != 1 {
		return nil, fmt.Errorf("%d of %s", len(found), name)
	}
	return found[0], nil
}

const enveloped = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"

func canonicalizations() []string {
	return []string{
		"http://www.w3.org/2001/10/xml-exc-c14n#",
		"http://www.w3.org/2006/12/xml-c14n11",
		"http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
	}
}

// signatureMethods has no SHA-1.
func signatureMethods() []string {
	return []string{
		dsig.RSASHA256SignatureMethod, dsig.RSASHA384SignatureMethod, dsig.RSASHA512SignatureMethod,
		dsig.ECDSASHA256SignatureMethod, dsig.ECDSASHA384SignatureMethod, dsig.ECDSASHA512SignatureMethod,
	}
}

func digestMethods() []string {
	return []string{
		"http://www.w3.org/2001/04/xmlenc#sha256", "http://www.w3.org/2001/04/xmldsig-more#sha384",
		"http://www.w3.org/2001/04/xmlenc#sha512",
	}
}
