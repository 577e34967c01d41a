package diff_test

import (
	"fmt"

	"github.com/rolecall-dev/rolecall/policy"
	"github.com/rolecall-dev/rolecall/policy/diff"
)

func ExampleDocuments() {
	parse := func(action string) *policy.Document {
		d, err := policy.Parse(policy.Identity, []byte(`{"Statement": {"Effect": "Allow", "Action": `+action+`, "Resource": "*"}}`))
		if err != nil {
			panic(err)
		}
		return d
	}
	for _, c := range diff.Documents(parse(`"s3:Get*"`), parse(`["s3:GetObject", "s3:PutObject"]`)) {
		fmt.Println(c.Widens, c.Sentence)
	}
	// Output:
	// true grants s3:PutObject on everything
	// false no longer grants s3:Get* on everything, only s3:GetObject on everything
}
