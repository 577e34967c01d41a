package saml

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"strings"
)

// descriptor is what this package reads of metadata.
type descriptor struct {
	XMLName  xml.Name
	EntityID string `xml:"entityID,attr"`
	Roles    []struct {
		Keys []struct {
			Use          string   `xml:"use,attr"`
			Certificates []string `xml:"http://www.w3.org/2000/09/xmldsig# KeyInfo>X509Data>X509Certificate"`
		} `xml:"urn:oasis:names:tc:SAML:2.0:metadata KeyDescriptor"`
	} `xml:"urn:oasis:names:tc:SAML:2.0:metadata IDPSSODescriptor"`
}

// ParseProvider reads an identity provider's metadata as IAM stores it.
// https://docs.oasis-open.org/security/saml/v2.0/saml-metadata-2.0-os.pdf
func ParseProvider(metadata string) (*Provider, error) {
	var d descriptor
	if err := xml.Unmarshal([]byte(metadata), &d); err != nil {
		return nil, fmt.Errorf("reading SAML metadata: %w", err)
	}
	if d.XMLName.Local != "EntityDescriptor" || d.EntityID == "" {
		return nil, errors.New("reading SAML metadata: it describes no entity")
	}
	p := &Provider{EntityID: d.EntityID}
	for _, role := range d.Roles {
		for _, key := range role.Keys {
			if key.Use == "encryption" {
				continue
			}
			for _, text := range key.Certificates {
				der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
				if err != nil {
					return nil, fmt.Errorf("reading SAML metadata: certificate: %w", err)
				}
				c, err := x509.ParseCertificate(der)
				if err != nil {
					return nil, fmt.Errorf("reading SAML metadata: certificate: %w", err)
				}
				p.Certificates = append(p.Certificates, c)
			}
		}
	}
	if len(p.Certificates) == 0 {
		return nil, errors.New("reading SAML metadata: the identity provider has no certificate")
	}
	return p, nil
}
