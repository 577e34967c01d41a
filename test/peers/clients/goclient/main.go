// Command goclient is aws-sdk-go-v2 as a client that knows nothing of rolecall: its default chain and one call.
//
//	goclient whoami | get BUCKET KEY | put BUCKET KEY TEXT | list BUCKET PREFIX
//
// It prints the answer; on an error of the service it prints its code on standard error and ends with 1.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	answer, err := run(ctx, os.Args[1:])
	if apiError := smithy.APIError(nil); errors.As(err, &apiError) {
		fmt.Fprintln(os.Stderr, apiError.ErrorCode())
		os.Exit(1)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	fmt.Println(answer)
}

func run(ctx context.Context, args []string) (string, error) {
	if len(args) == 0 {
		return "", errors.New("no verb")
	}
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return "", err
	}
	client := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	switch verb := args[0]; {
	case verb == "whoami":
		out, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		if err != nil {
			return "", err
		}
		return aws.ToString(out.Arn), nil
	case verb == "get" && len(args) == 3:
		out, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &args[1], Key: &args[2]})
		if err != nil {
			return "", err
		}
		defer out.Body.Close()
		body, err := io.ReadAll(out.Body)
		return string(body), err
	case verb == "put" && len(args) == 4:
		out, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: &args[1], Key: &args[2], Body: strings.NewReader(args[3])})
		if err != nil {
			return "", err
		}
		return aws.ToString(out.ETag), nil
	case verb == "list" && len(args) == 3:
		var keys []string
		pages := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: &args[1], Prefix: &args[2]})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return "", err
			}
			for _, o := range page.Contents {
				keys = append(keys, aws.ToString(o.Key))
			}
		}
		return strings.Join(keys, "\n"), nil
	default:
		return "", fmt.Errorf("unknown call %q", args)
	}
}
