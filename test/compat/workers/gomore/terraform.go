//go:build terraform

package main

import (
	"context"
	"errors"
	"os"
	"strings"

	awsbase "github.com/hashicorp/aws-sdk-go-base/v2"
)

// terraform resolves as the AWS provider does whose block says nothing but, perhaps, the profile.
func terraform(profile string) answer {
	ctx := context.Background()
	_, cfg, diags := awsbase.GetAwsConfig(ctx, &awsbase.Config{
		Profile: profile, Region: "us-east-1", SkipCredsValidation: true, SkipRequestingAccountId: true,
		StsEndpoint: os.Getenv("AWS_ENDPOINT_URL_STS"), SsoEndpoint: os.Getenv("AWS_ENDPOINT_URL_SSO"),
	})
	if diags.HasError() {
		var text []string
		for _, d := range diags.Errors() {
			text = append(text, d.Summary()+": "+d.Detail())
		}
		err := errors.New(strings.Join(text, "; "))
		if strings.Contains(err.Error(), "no EC2 IMDS role found") {
			return nothing(err)
		}
		return failed(err)
	}
	value, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return failed(err)
	}
	return got(value.AccessKeyID, "")
}
