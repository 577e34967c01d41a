// Package sigv4 signs and verifies AWS Signature Version 4: in the Authorization header, in the
// query string (presigned), over declared, unsigned and aws-chunked payloads.
//
// A client signs with [Sign] or [Presign]. A server goes in three steps, since only the first tells
// it whose secret it needs:
//
//	s, err := sigv4.Parse(r)                      // who claims to have signed; nothing is proven yet
//	secret := …look up s.AccessKeyID, open s.SessionToken…
//	err = verifier.Verify(r, s, secret, bodyHash) // now it is
//	body, err := verifier.Body(r, s, secret)      // S3 only: the payload, verified while it streams
//
// Verification works on the request as it came over the wire: the raw request target and the Host
// header, never on a decoded path, so that what is verified is what another parser of the same
// request will see.
//
// The package knows no accounts and no sessions: unknown keys (InvalidClientTokenId), expired
// sessions (ExpiredToken) and permissions are its callers' business.
//
// Sources: the SigV4 pages of the IAM User Guide (reference_sigv.html) and of the Amazon S3 API
// reference (sig-v4-authenticating-requests.html, sigv4-streaming.html, sigv4-streaming-trailers.html).
package sigv4
