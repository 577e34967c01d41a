"""Makes the signed responses beside it with signxml (https://pypi.org/project/signxml), which shares no code with
what verifies them here. Run it in a virtual environment that has signxml; it writes new keys and files."""
import base64
import datetime
import pathlib

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from lxml import etree
from signxml import CanonicalizationMethod, DigestAlgorithm, SignatureMethod, XMLSigner, methods

here = pathlib.Path(__file__).parent
ASSERTION = "urn:oasis:names:tc:SAML:2.0:assertion"
PROTOCOL = "urn:oasis:names:tc:SAML:2.0:protocol"
DS = "http://www.w3.org/2000/09/xmldsig#"

key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "signxml")])
certificate = (
    x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    .not_valid_before(datetime.datetime(2026, 1, 1)).not_valid_after(datetime.datetime(2026, 1, 31))
    .sign(key, hashes.SHA256())
)
pem = certificate.public_bytes(serialization.Encoding.PEM)
der = base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()

(here / "metadata.xml").write_text(
    f'<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="https://idp.example/saml">'
    f'<IDPSSODescriptor protocolSupportEnumeration="{PROTOCOL}"><KeyDescriptor><KeyInfo xmlns="{DS}"><X509Data>'
    f"<X509Certificate>{der}</X509Certificate></X509Data></KeyInfo></KeyDescriptor></IDPSSODescriptor></EntityDescriptor>\n"
)

PREFIXED = """<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"
    xmlns:xs="http://www.w3.org/2001/XMLSchema" ID="_resp" Version="2.0" IssueInstant="2026-01-02T03:04:05Z"
    Destination="https://signin.aws.amazon.com/saml">
  <saml:Issuer>https://idp.example/saml</saml:Issuer>
  <samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>
  <saml:Assertion xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" ID="_assert" Version="2.0" IssueInstant="2026-01-02T03:04:05.123Z">
    <saml:Issuer Format="urn:oasis:names:tc:SAML:2.0:nameid-format:entity">https://idp.example/saml</saml:Issuer>
    <saml:Subject>
      <saml:NameID Format="urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress">ann@example.com</saml:NameID>
      <saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">
        <saml:SubjectConfirmationData NotOnOrAfter="2026-01-02T03:09:05Z" Recipient="https://signin.aws.amazon.com/saml"/>
      </saml:SubjectConfirmation>
    </saml:Subject>
    <saml:Conditions NotBefore="2026-01-02T03:03:05Z" NotOnOrAfter="2026-01-02T03:09:05Z">
      <saml:AudienceRestriction><saml:Audience>urn:amazon:webservices</saml:Audience></saml:AudienceRestriction>
    </saml:Conditions>
    <saml:AuthnStatement AuthnInstant="2026-01-02T03:04:05Z" SessionIndex="_s">
      <saml:AuthnContext><saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:Password</saml:AuthnContextClassRef></saml:AuthnContext>
    </saml:AuthnStatement>
    <saml:AttributeStatement>
      <saml:Attribute Name="https://aws.amazon.com/SAML/Attributes/Role" NameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:uri">
        <saml:AttributeValue xsi:type="xs:string">arn:aws:iam::123456789012:role/web,arn:aws:iam::123456789012:saml-provider/corp</saml:AttributeValue>
      </saml:Attribute>
      <saml:Attribute Name="https://aws.amazon.com/SAML/Attributes/RoleSessionName"><saml:AttributeValue>ann &amp; &#xE9;&lt;&gt;"</saml:AttributeValue></saml:Attribute>
    </saml:AttributeStatement>
  </saml:Assertion>
</samlp:Response>"""
# As Microsoft's products write it: the assertion has a default namespace.
DEFAULT = PREFIXED.replace(f' xmlns:saml="{ASSERTION}"', "").replace("<saml:", "<").replace("</saml:", "</").replace(
    "<Assertion ", f'<Assertion xmlns="{ASSERTION}" ').replace("<Issuer>", f'<Issuer xmlns="{ASSERTION}">', 1)


def sign(tree, element, c14n, signature=SignatureMethod.RSA_SHA256, digest=DigestAlgorithm.SHA256):
    """Signs element by its ID and puts the signature behind its issuer, as the schema wants it."""
    signer = XMLSigner(method=methods.enveloped, signature_algorithm=signature, digest_algorithm=digest, c14n_algorithm=c14n)
    placeholder = etree.Element(f"{{{DS}}}Signature", Id="placeholder", nsmap={"ds": DS})
    element.insert(1, placeholder)
    signed = signer.sign(element, key=key, cert=pem.decode(), reference_uri=element.get("ID"), id_attribute="ID")
    if element is not tree:
        element.getparent().replace(element, signed)
        return tree
    return signed


def write(number, text, what, c14n, **how):
    tree = etree.fromstring(text)
    if "assertion" in what:
        tree = sign(tree, tree.find(f"{{{ASSERTION}}}Assertion"), c14n, **how)
    if "response" in what:
        tree = sign(tree, tree, c14n, **how)
    (here / f"response{number}.xml").write_bytes(etree.tostring(tree))


EXCLUSIVE = CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0
write(1, PREFIXED, "assertion", EXCLUSIVE)
write(2, PREFIXED, "response", EXCLUSIVE)
write(3, DEFAULT, "assertion response", EXCLUSIVE, signature=SignatureMethod.RSA_SHA512, digest=DigestAlgorithm.SHA512)
write(4, PREFIXED, "assertion", CanonicalizationMethod.CANONICAL_XML_1_1, signature=SignatureMethod.RSA_SHA384)
write(5, DEFAULT, "response", CanonicalizationMethod.CANONICAL_XML_1_0, digest=DigestAlgorithm.SHA384)
