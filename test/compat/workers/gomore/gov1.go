package main

import (
	"errors"
	"os"

	"github.com/aws/aws-sdk-go/aws"
	"github.com/aws/aws-sdk-go/aws/awserr"
	"github.com/aws/aws-sdk-go/aws/endpoints"
	"github.com/aws/aws-sdk-go/aws/session"
)

// goV1 resolves as a program does that takes all defaults. This SDK knows no variables for endpoints.
func goV1(profile string) answer {
	variables := map[string]string{"sts": "AWS_ENDPOINT_URL_STS", "portal.sso": "AWS_ENDPOINT_URL_SSO", "oidc": "AWS_ENDPOINT_URL_SSO_OIDC"}
	resolver := func(service, region string, options ...func(*endpoints.Options)) (endpoints.ResolvedEndpoint, error) {
		if url := os.Getenv(variables[service]); url != "" {
			return endpoints.ResolvedEndpoint{URL: url, SigningRegion: region, SigningName: service}, nil
		}
		return endpoints.DefaultResolver().EndpointFor(service, region, options...)
	}
	s, err := session.NewSessionWithOptions(session.Options{
		Profile: profile, Config: aws.Config{EndpointResolver: endpoints.ResolverFunc(resolver), Logger: aws.LoggerFunc(func(...any) {})},
	})
	if err != nil {
		return failed(err)
	}
	value, err := s.Config.Credentials.Get()
	if err == nil {
		return got(value.AccessKeyID, goV1Sources[value.ProviderName])
	}
	var named awserr.Error
	if errors.As(err, &named) && named.Code() == "NoCredentialProviders" {
		return nothing(err)
	}
	return failed(err)
}

var goV1Sources = map[string]string{
	"EnvConfigCredentials": "env", "EnvProvider": "env", "SharedCredentialsProvider": "static", "ProcessProvider": "process", "SSOProvider": "sso",
	"WebIdentityCredentials": "webid", "CredentialsEndpointProvider": "container", "EC2RoleProvider": "imds",
}
