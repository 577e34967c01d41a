package objects

import (
	"errors"
	"strings"
	"testing"

	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
)

func FuzzDocuments(f *testing.F) {
	for _, s := range []string{
		`<Delete><Quiet>true</Quiet><Object><Key>k</Key></Object></Delete>`, `<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>`,
		`<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>"e"</ETag></Part></CompleteMultipartUpload>`,
		`<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><Delete><Object><Key>&b;</Key></Object></Delete>`,
		`<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>x`, strings.Repeat("<a>", 1000), "",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		for _, v := range []any{&deleteRequest{}, &tagSet{}, &completion{}, &createConfiguration{}, &encryptionConfiguration{},
			&versioningConfiguration{}, &publicAccessBlock{}, &ownershipControls{}} {
			err := decodeXML(doc, v)
			var e *awsapi.Error
			if err != nil && (!errors.As(err, &e) || e.Code != "MalformedXML") {
				t.Fatalf("%T: %v", v, err)
			}
			if c, ok := v.(*completion); ok && err == nil {
				_, _ = c.parts()
			}
		}
	})
}

func TestEntitiesAreNotExpanded(t *testing.T) {
	for _, doc := range []string{
		`<!DOCTYPE Delete [<!ENTITY k "secret">]><Delete><Object><Key>&k;</Key></Object></Delete>`,
		`<!doctype Delete SYSTEM "file:///etc/passwd"><Delete><Object><Key>k</Key></Object></Delete>`,
		`<Delete><Object><Key>&k;</Key></Object></Delete>`, `<Delete/><Delete/>`, `<Delete></Delete>trailing`, `<Other/>`, ``,
	} {
		var in deleteRequest
		if err := decodeXML([]byte(doc), &in); err == nil {
			t.Errorf("%s: %+v", doc, in)
		}
	}
}

func FuzzToken(f *testing.F) {
	f.Add(encodeToken("a/b"))
	f.Add("!!")
	f.Fuzz(func(t *testing.T, token string) {
		after, err := decodeToken(token)
		if err == nil && encodeToken(after) != token {
			t.Fatalf("%q and %q are the same place", token, encodeToken(after))
		}
	})
}
