package main

import (
	"errors"
	"net/http"
	"os"

	"github.com/minio/minio-go/v7/pkg/credentials"
)

// minioGo is the chain that minio-go's documentation gives to programs, and the MinIO client has.
func minioGo(profile string) answer {
	// Connections do not outlive the situation.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	chain := credentials.NewChainCredentials([]credentials.Provider{
		&credentials.EnvAWS{}, &credentials.EnvMinio{}, &credentials.FileAWSCredentials{Profile: profile}, &credentials.IAM{Client: client},
	})
	value, err := chain.GetWithContext(&credentials.CredContext{Client: client, Endpoint: os.Getenv("AWS_ENDPOINT_URL_STS")})
	switch {
	case err != nil:
		return failed(err)
	case value.AccessKeyID == "" && value.SecretAccessKey == "": // half a pair is taken
		return nothing(errors.New("anonymous"))
	}
	return got(value.AccessKeyID, "")
}
