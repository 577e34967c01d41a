package iam_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

func TestOIDCProviders(t *testing.T) {
	c := newPlane(t).root()
	thumb := strings.Repeat("Ab", 20)
	made := must[*sdk.CreateOpenIDConnectProviderOutput](t)(c.CreateOpenIDConnectProvider(ctx, &sdk.CreateOpenIDConnectProviderInput{
		Url: aws.String("https://Token.example.com/realms/x/"), ClientIDList: []string{"b", "a", "b"}, ThumbprintList: []string{thumb},
		Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}},
	}))
	id := made.OpenIDConnectProviderArn
	if *id != arn+"oidc-provider/token.example.com/realms/x" {
		t.Error(*id)
	}
	must[*sdk.AddClientIDToOpenIDConnectProviderOutput](t)(c.AddClientIDToOpenIDConnectProvider(ctx, &sdk.AddClientIDToOpenIDConnectProviderInput{OpenIDConnectProviderArn: id, ClientID: aws.String("c")}))
	must[*sdk.RemoveClientIDFromOpenIDConnectProviderOutput](t)(c.RemoveClientIDFromOpenIDConnectProvider(ctx, &sdk.RemoveClientIDFromOpenIDConnectProviderInput{OpenIDConnectProviderArn: id, ClientID: aws.String("a")}))
	got := must[*sdk.GetOpenIDConnectProviderOutput](t)(c.GetOpenIDConnectProvider(ctx, &sdk.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: id}))
	same(t, &sdk.GetOpenIDConnectProviderOutput{
		Url: aws.String("token.example.com/realms/x"), ClientIDList: []string{"b", "c"}, ThumbprintList: []string{strings.ToLower(thumb)},
		CreateDate: aws.Time(now), Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}},
	}, got)
	_, err := c.CreateOpenIDConnectProvider(ctx, &sdk.CreateOpenIDConnectProviderInput{Url: aws.String("https://token.example.com/realms/x")})
	fails(t, err, "EntityAlreadyExists", "Provider with url https://token.example.com/realms/x already exists.")
	for _, bad := range []string{"http://x.example", "https://", "https://x.example/?q=1", "://x"} {
		_, err = c.CreateOpenIDConnectProvider(ctx, &sdk.CreateOpenIDConnectProviderInput{Url: &bad})
		fails(t, err, "ValidationError", "Invalid Open ID Connect Provider URL")
	}
	_, err = c.UpdateOpenIDConnectProviderThumbprint(ctx, &sdk.UpdateOpenIDConnectProviderThumbprintInput{OpenIDConnectProviderArn: id, ThumbprintList: []string{strings.Repeat("z", 40)}})
	fails(t, err, "InvalidInput", "")
	if n := len(must[*sdk.ListOpenIDConnectProvidersOutput](t)(c.ListOpenIDConnectProviders(ctx, &sdk.ListOpenIDConnectProvidersInput{})).OpenIDConnectProviderList); n != 1 {
		t.Errorf("%d providers", n)
	}
	must[*sdk.DeleteOpenIDConnectProviderOutput](t)(c.DeleteOpenIDConnectProvider(ctx, &sdk.DeleteOpenIDConnectProviderInput{OpenIDConnectProviderArn: id}))
	_, err = c.GetOpenIDConnectProvider(ctx, &sdk.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: id})
	fails(t, err, "NoSuchEntity", "OpenIDConnect Provider not found for arn "+*id)
}

func metadata(validUntil string) string {
	return `<?xml version="1.0"?><md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" xmlns:ds="http://www.w3.org/2000/09/xmldsig#" entityID="https://idp.example"` + validUntil + `>
<!--` + strings.Repeat("padding ", 130) + `-->
<md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><md:KeyDescriptor use="signing"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>MIIB</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor></md:IDPSSODescriptor></md:EntityDescriptor>`
}

func TestSAMLProviders(t *testing.T) {
	c := newPlane(t).root()
	document := metadata(` validUntil="2030-01-02T03:04:05Z"`)
	made := must[*sdk.CreateSAMLProviderOutput](t)(c.CreateSAMLProvider(ctx, &sdk.CreateSAMLProviderInput{Name: aws.String("corp"), SAMLMetadataDocument: &document}))
	if *made.SAMLProviderArn != arn+"saml-provider/corp" {
		t.Error(*made.SAMLProviderArn)
	}
	got := must[*sdk.GetSAMLProviderOutput](t)(c.GetSAMLProvider(ctx, &sdk.GetSAMLProviderInput{SAMLProviderArn: made.SAMLProviderArn}))
	if len(*got.SAMLProviderUUID) != 32 {
		t.Errorf("UUID %s", *got.SAMLProviderUUID)
	}
	same(t, &sdk.GetSAMLProviderOutput{AssertionEncryptionMode: types.AssertionEncryptionModeTypeAllowed, PrivateKeyList: []types.SAMLPrivateKey{},
		SAMLProviderUUID: got.SAMLProviderUUID, Tags: []types.Tag{}, SAMLMetadataDocument: &document, CreateDate: aws.Time(now), ValidUntil: aws.Time(time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC))}, got)
	_, err := c.CreateSAMLProvider(ctx, &sdk.CreateSAMLProviderInput{Name: aws.String("corp"), SAMLMetadataDocument: &document})
	fails(t, err, "EntityAlreadyExists", "SAMLProvider corp already exists.")
	for name, bad := range map[string]string{
		"no xml": strings.Repeat("x", 1000),
		"cut":    document[:len(document)-10] + strings.Repeat(" ", 50),
		"no key": strings.ReplaceAll(document, "MIIB", ""),
		"no idp": strings.ReplaceAll(document, "IDPSSO", "SPSSO"),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.CreateSAMLProvider(ctx, &sdk.CreateSAMLProviderInput{Name: aws.String("bad"), SAMLMetadataDocument: &bad})
			fails(t, err, "InvalidInput", "")
		})
	}
	must[*sdk.UpdateSAMLProviderOutput](t)(c.UpdateSAMLProvider(ctx, &sdk.UpdateSAMLProviderInput{SAMLProviderArn: made.SAMLProviderArn, SAMLMetadataDocument: aws.String(metadata(""))}))
	list := must[*sdk.ListSAMLProvidersOutput](t)(c.ListSAMLProviders(ctx, &sdk.ListSAMLProvidersInput{}))
	if len(list.SAMLProviderList) != 1 || list.SAMLProviderList[0].ValidUntil.Year() < 2100 {
		t.Errorf("%+v", list.SAMLProviderList)
	}
	must[*sdk.DeleteSAMLProviderOutput](t)(c.DeleteSAMLProvider(ctx, &sdk.DeleteSAMLProviderInput{SAMLProviderArn: made.SAMLProviderArn}))
	_, err = c.GetSAMLProvider(ctx, &sdk.GetSAMLProviderInput{SAMLProviderArn: made.SAMLProviderArn})
	fails(t, err, "NoSuchEntity", "Manifest not found for arn "+*made.SAMLProviderArn)
}

func certificate(t *testing.T) (body, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "x"}, NotBefore: now, NotAfter: now.Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	pk, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pk}))
}

func TestCertificates(t *testing.T) {
	p := newPlane(t)
	c := p.root()
	body, key := certificate(t)
	_, otherKey := certificate(t)
	_, err := c.UploadServerCertificate(ctx, &sdk.UploadServerCertificateInput{ServerCertificateName: aws.String("s"), CertificateBody: &body, PrivateKey: &otherKey})
	fails(t, err, "KeyPairMismatch", "")
	_, err = c.UploadServerCertificate(ctx, &sdk.UploadServerCertificateInput{ServerCertificateName: aws.String("s"), CertificateBody: aws.String("x"), PrivateKey: &key})
	fails(t, err, "MalformedCertificate", "")
	up := must[*sdk.UploadServerCertificateOutput](t)(c.UploadServerCertificate(ctx, &sdk.UploadServerCertificateInput{ServerCertificateName: aws.String("s"), Path: aws.String("/cf/"), CertificateBody: &body, PrivateKey: &key}))
	want := &types.ServerCertificateMetadata{
		ServerCertificateName: aws.String("s"), ServerCertificateId: up.ServerCertificateMetadata.ServerCertificateId, Path: aws.String("/cf/"),
		Arn: aws.String(arn + "server-certificate/cf/s"), UploadDate: aws.Time(now), Expiration: aws.Time(now.Add(time.Hour)),
	}
	same(t, want, up.ServerCertificateMetadata)
	must[*sdk.UpdateServerCertificateOutput](t)(c.UpdateServerCertificate(ctx, &sdk.UpdateServerCertificateInput{ServerCertificateName: aws.String("s"), NewServerCertificateName: aws.String("r")}))
	got := must[*sdk.GetServerCertificateOutput](t)(c.GetServerCertificate(ctx, &sdk.GetServerCertificateInput{ServerCertificateName: aws.String("R")}))
	if *got.ServerCertificate.CertificateBody != body {
		t.Error("body differs")
	}
	must[*sdk.DeleteServerCertificateOutput](t)(c.DeleteServerCertificate(ctx, &sdk.DeleteServerCertificateInput{ServerCertificateName: aws.String("r")}))
	_, err = c.GetServerCertificate(ctx, &sdk.GetServerCertificateInput{ServerCertificateName: aws.String("r")})
	fails(t, err, "NoSuchEntity", "The Server Certificate with name r cannot be found.")

	p.userWith("alice", "")
	name := aws.String("alice")
	signed := must[*sdk.UploadSigningCertificateOutput](t)(c.UploadSigningCertificate(ctx, &sdk.UploadSigningCertificateInput{UserName: name, CertificateBody: &body})).Certificate
	_, err = c.UploadSigningCertificate(ctx, &sdk.UploadSigningCertificateInput{UserName: name, CertificateBody: &body})
	fails(t, err, "DuplicateCertificate", "")
	must[*sdk.UpdateSigningCertificateOutput](t)(c.UpdateSigningCertificate(ctx, &sdk.UpdateSigningCertificateInput{UserName: name, CertificateId: signed.CertificateId, Status: types.StatusTypeInactive}))
	list := must[*sdk.ListSigningCertificatesOutput](t)(c.ListSigningCertificates(ctx, &sdk.ListSigningCertificatesInput{UserName: name}))
	if len(list.Certificates) != 1 || list.Certificates[0].Status != types.StatusTypeInactive {
		t.Errorf("%+v", list.Certificates)
	}
	must[*sdk.DeleteSigningCertificateOutput](t)(c.DeleteSigningCertificate(ctx, &sdk.DeleteSigningCertificateInput{UserName: name, CertificateId: signed.CertificateId}))
	for _, a := range p.audit {
		if strings.Contains(string(a.RequestParameters), "PRIVATE KEY") {
			t.Error("private key in the audit record")
		}
	}
}
