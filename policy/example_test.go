package policy_test

import (
	"fmt"

	"github.com/rolecall-dev/rolecall/policy"
)

func Example() {
	doc, err := policy.Parse(policy.Managed, []byte(`{
  "Version": "2012-10-17",
  "Statement": [{
    "Sid": "OwnFolder",
    "Effect": "Allow",
    "Action": "s3:GetObject",
    "Resource": "arn:aws:s3:::data/${aws:username}/*"
  }]
}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	policies := policy.Policies{Identity: []*policy.Policy{policy.Compile(doc, "arn:aws:iam::123456789012:policy/own")}}
	request := policy.Request{
		Action: "s3:GetObject", Resource: "arn:aws:s3:::data/ann/report.csv",
		Principal: policy.Principal{
			Kind: policy.User, Account: "123456789012", ARN: "arn:aws:iam::123456789012:user/ann", UserName: "ann",
			EntityARN: "arn:aws:iam::123456789012:user/ann", EntityID: "AIDAEXAMPLE000000001",
		},
	}
	d := policy.Evaluate(&request, &policies)
	by, _ := d.Statement()
	fmt.Println(d.Allowed, "by", by)

	request.Resource = "arn:aws:s3:::data/bob/report.csv"
	d = policy.Evaluate(&request, &policies)
	fmt.Println(d.Allowed, d.Reason(request.Action))
	why := policy.Explain(&request, &policies)
	fmt.Println(why.Layers[0].NearMisses[0])
	// Output:
	// true by statement "OwnFolder" of arn:aws:iam::123456789012:policy/own (line 3)
	// false because no identity-based policy allows the s3:GetObject action
	// statement "OwnFolder" of arn:aws:iam::123456789012:policy/own (line 3) would allow, but its Resource is "arn:aws:s3:::data/ann/*": the request has "arn:aws:s3:::data/bob/report.csv"
}

func ExampleParse() {
	_, err := policy.Parse(policy.Identity, []byte(`{"Statement": {"Effect": "Allow", "Action": "s3", "Resource": "*"}}`))
	fmt.Println(err)
	// Output: Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.
}
