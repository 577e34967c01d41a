package awsconfig_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rolecall-dev/rolecall/awsconfig"
)

// BenchmarkFiveThousandProfiles is a large company's config file.
func BenchmarkFiveThousandProfiles(b *testing.B) {
	var text strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&text, "[profile p%d]\nsso_session = corp\nsso_account_id = %012d\nsso_role_name = Admin\nregion = eu-west-1\n\n", i, i)
	}
	data := []byte(text.String())
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		f := awsconfig.Parse("config", awsconfig.ConfigKind, data)
		if awsconfig.Merge(f, nil).Profile("p4999") == nil {
			b.Fatal("lost")
		}
	}
}
