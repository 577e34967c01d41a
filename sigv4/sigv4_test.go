package sigv4_test

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/sigv4"
)

// The keys of AWS's documentation.
const (
	exampleID     = "AKIAIOSFODNN7EXAMPLE"
	exampleSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	suiteID       = "AKIDEXAMPLE"
	suiteSecret   = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
)

func credentials(id, secret, token string) rolecall.Credentials {
	return rolecall.Credentials{AccessKeyID: id, SecretAccessKey: rolecall.NewSecret(secret), SessionToken: rolecall.NewSecret(token)}
}

func at(s string) time.Time {
	t, err := time.Parse("20060102T150405Z", s)
	if err != nil {
		panic(err)
	}
	return t
}

func clock(t time.Time) func() time.Time { return func() time.Time { return t } }

func verifierAt(t time.Time) *sigv4.Verifier {
	return sigv4.NewVerifier(sigv4.VerifierOptions{Now: clock(t)})
}

// received parses raw, a request on the wire with bare line feeds, as net/http's server does.
func received(t *testing.T, raw string) *http.Request {
	t.Helper()
	head, body, _ := strings.Cut(raw, "\n\n")
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(strings.ReplaceAll(head, "\n", "\r\n") + "\r\n\r\n" + body)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// overTheWire sends r to a parser as net/http's client would write it.
func overTheWire(r *http.Request) (*http.Request, error) {
	var b strings.Builder
	if err := r.Write(&b); err != nil {
		return nil, err
	}
	return http.ReadRequest(bufio.NewReader(strings.NewReader(b.String())))
}

func verify(v *sigv4.Verifier, r *http.Request, secret, payload string) (*sigv4.Signature, error) {
	s, err := sigv4.Parse(r)
	if err != nil {
		return nil, err
	}
	return s, v.Verify(r, s, rolecall.NewSecret(secret), payload)
}

// The requests and signatures of AWS's SigV4 test suite (aws-sig-v4-test-suite) and of the S3 API
// reference, https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html and
// …/sigv4-query-string-auth.html.
func TestPublishedVectors(t *testing.T) {
	suite := func(method, target, headers, signed, signature string) string {
		return method + " " + target + " HTTP/1.1\nHost:example.amazonaws.com\n" + headers + "X-Amz-Date:20150830T123600Z\n" +
			"Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=" +
			signed + ", Signature=" + signature + "\n\n"
	}
	s3 := func(target, host, headers, signed, signature string) string {
		return target + " HTTP/1.1\nHost: " + host + "\n" + headers + "x-amz-date: 20130524T000000Z\n" +
			"Authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=" +
			signed + ",Signature=" + signature + "\n\n"
	}
	const host, empty = "examplebucket.s3.amazonaws.com", "x-amz-content-sha256: " + sigv4.EmptyPayload + "\n"
	for _, c := range []struct{ name, request, secret string }{
		{"get-vanilla", suite("GET", "/", "", "host;x-amz-date", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"), suiteSecret},
		{"get-vanilla-query-order-key-case", suite("GET", "/?Param2=value2&Param1=value1", "", "host;x-amz-date", "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"), suiteSecret},
		{"get-vanilla-empty-query-key", suite("GET", "/?Param1=value1", "", "host;x-amz-date", "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"), suiteSecret},
		{"get-header-value-order", suite("GET", "/", "My-Header1:value4\nMy-Header1:value1\nMy-Header1:value3\nMy-Header1:value2\n", "host;my-header1;x-amz-date", "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01"), suiteSecret},
		{"get-header-key-duplicate", suite("GET", "/", "My-Header1:value2\nMy-Header1:value2\nMy-Header1:value1\n", "host;my-header1;x-amz-date", "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"), suiteSecret},
		{"get-header-value-trim", suite("GET", "/", "My-Header1: value1\nMy-Header2: \"a   b   c\"\n", "host;my-header1;my-header2;x-amz-date", "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"), suiteSecret},
		{"post-vanilla", suite("POST", "/", "", "host;x-amz-date", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"), suiteSecret},
		{"get-utf8", suite("GET", "/ሴ", "", "host;x-amz-date", "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"), suiteSecret},
		{"get-relative", suite("GET", "/example/..", "", "host;x-amz-date", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"), suiteSecret},
		{"get-relative-relative", suite("GET", "/example1/example2/../..", "", "host;x-amz-date", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"), suiteSecret},
		{"get-slash-dot-slash", suite("GET", "/./", "", "host;x-amz-date", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"), suiteSecret},
		{"get-slashes", suite("GET", "//example//", "", "host;x-amz-date", "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"), suiteSecret},
		{"s3 get object", s3("GET /test.txt", host, "Range: bytes=0-9\n"+empty, "host;range;x-amz-content-sha256;x-amz-date", "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"), exampleSecret},
		{"s3 put object", s3("PUT /test%24file.text", host, "Date: Fri, 24 May 2013 00:00:00 GMT\nx-amz-storage-class: REDUCED_REDUNDANCY\nx-amz-content-sha256: 44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072\n", "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class", "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"), exampleSecret},
		{"s3 get lifecycle", s3("GET /?lifecycle", host, empty, "host;x-amz-content-sha256;x-amz-date", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"), exampleSecret},
		{"s3 list", s3("GET /?max-keys=2&prefix=J", host, empty, "host;x-amz-content-sha256;x-amz-date", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"), exampleSecret},
		{"s3 presigned", "GET /test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404 HTTP/1.1\nHost: examplebucket.s3.amazonaws.com\n\n", exampleSecret},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := received(t, c.request)
			s, err := sigv4.Parse(r)
			if err != nil {
				t.Fatal(err)
			}
			if err := verifierAt(s.Time).Verify(r, s, rolecall.NewSecret(c.secret), sigv4.EmptyPayload); err != nil {
				t.Fatal(err)
			}
			if err := verifierAt(s.Time).Verify(r, s, rolecall.NewSecret(c.secret+"x"), sigv4.EmptyPayload); code(err) != "SignatureDoesNotMatch" {
				t.Fatalf("another secret: %v", err)
			}
		})
	}
}

// The chunks of https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html and
// …/sigv4-streaming-trailers.html: 66560 times "a" in chunks of 64 KiB.
func TestPublishedStreams(t *testing.T) {
	const size = 66560
	for _, c := range []struct {
		payload, checksum, signed, seed string
		length                          int
		chunks                          []string
		trailers                        string
	}{
		{
			sigv4.StreamingPayload, "", "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class",
			"4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9", 66824,
			[]string{"ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648", "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497", "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"},
			"",
		},
		{
			sigv4.StreamingPayloadTrailer, "crc32c", "content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class;x-amz-trailer",
			"106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e", 0,
			[]string{"b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2", "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7", "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992"},
			"x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n",
		},
	} {
		t.Run(c.payload, func(t *testing.T) {
			body := "10000;chunk-signature=" + c.chunks[0] + "\r\n" + strings.Repeat("a", 65536) + "\r\n400;chunk-signature=" + c.chunks[1] +
				"\r\n" + strings.Repeat("a", 1024) + "\r\n0;chunk-signature=" + c.chunks[2] + "\r\n" + c.trailers + "\r\n"
			r, err := http.NewRequest("PUT", "https://s3.amazonaws.com/examplebucket/chunkObject.txt", strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			r.Header = http.Header{
				"Content-Encoding": {"aws-chunked"}, "X-Amz-Date": {"20130524T000000Z"}, "X-Amz-Storage-Class": {"REDUCED_REDUNDANCY"},
				"X-Amz-Decoded-Content-Length": {"66560"}, "X-Amz-Content-Sha256": {c.payload},
				"Authorization": {"AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=" + c.signed + ",Signature=" + c.seed},
			}
			if c.length > 0 && len(body) != c.length {
				t.Fatalf("body has %d bytes, want %d", len(body), c.length)
			}
			if c.checksum != "" {
				r.Header.Set("X-Amz-Trailer", "x-amz-checksum-"+c.checksum)
			}
			v := verifierAt(at("20130524T000000Z"))
			s, err := verify(v, r, exampleSecret, "")
			if err != nil {
				t.Fatal(err)
			}
			payload, err := v.Body(r, s, rolecall.NewSecret(exampleSecret))
			if err != nil {
				t.Fatal(err)
			}
			n, err := io.Copy(io.Discard, payload)
			if err != nil || n != size {
				t.Fatalf("read %d bytes: %v", n, err)
			}
		})
	}
}

func code(err error) string {
	if e, ok := err.(*sigv4.Error); ok { //nolint:errorlint // the contract is the type itself
		return e.Code
	}
	return ""
}
