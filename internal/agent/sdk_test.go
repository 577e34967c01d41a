package agent_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"

	"github.com/rolecall-dev/rolecall/internal/agent/agenttest"
)

// AWS's own SDK for Go is the client here: it finds the endpoint by the variables that the agent hands
// out, and gets what the agent was given.

func sdkClient() *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) { t.DisableKeepAlives = true })
}

func sdkConfig(t *testing.T, env map[string]string) aws.Config {
	t.Helper()
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_CONFIG_FILE", t.TempDir()+"/none")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", t.TempDir()+"/none")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	for k, v := range env {
		t.Setenv(k, v)
	}
	c, err := awsconfig.LoadDefaultConfig(t.Context(), awsconfig.WithHTTPClient(sdkClient()))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSDKFindsTheContainerEndpoint(t *testing.T) {
	n := start(t, oneWorkload(stateDir(t)))
	c := sdkConfig(t, environ(t, n.Agent, "web"))
	got, err := c.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got.AccessKeyID != agenttest.AccessKeyID(1) || got.SessionToken != "example-token-0001" || !got.CanExpire || time.Until(got.Expires) < 16*time.Minute {
		t.Errorf("credentials %s, expiring %s", got.AccessKeyID, got.Expires)
	}
	if c.Region != "eu-west-1" {
		t.Errorf("region %q", c.Region)
	}
}

func TestSDKGetsTheReasonOfARefusal(t *testing.T) {
	n := start(t, oneWorkload(stateDir(t)))
	env := environ(t, n.Agent, "web")
	env["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = ""
	env["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "nonsense"
	_, err := sdkConfig(t, env).Credentials.Retrieve(t.Context())
	if err == nil || !strings.Contains(err.Error(), "InvalidAuthenticationToken") {
		t.Errorf("error %v; want the endpoint's code", err)
	}
}

func TestSDKUsesTheInstanceEndpoint(t *testing.T) {
	n := start(t, oneWorkload(stateDir(t)))
	client := imds.New(imds.Options{Endpoint: n.IMDSURLs()[0], HTTPClient: sdkClient(), EnableFallback: aws.FalseTernary})
	got, err := ec2rolecreds.New(func(o *ec2rolecreds.Options) { o.Client = client }).Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got.AccessKeyID != agenttest.AccessKeyID(1) {
		t.Errorf("credentials %s", got.AccessKeyID)
	}
	region, err := client.GetRegion(t.Context(), nil)
	if err != nil || region.Region != "eu-west-1" {
		t.Errorf("region %v, %v", region, err)
	}
	info, err := client.GetIAMInfo(t.Context(), nil)
	if err != nil || info.InstanceProfileArn != "arn:aws:iam::123456789012:instance-profile/web" {
		t.Errorf("info %+v, %v", info, err)
	}
}

// While STS is slow the endpoint says "not yet", and the SDK comes back by itself.
func TestSDKComesBackAfterNotYet(t *testing.T) {
	n := &node{sts: agenttest.NewSTS(t), config: parse(t, oneWorkload(stateDir(t)))}
	n.sts.Delay(1500 * time.Millisecond)
	n.start(t)
	env := environ(t, n.Agent, "web")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	p := endpointcreds.New(env["AWS_CONTAINER_CREDENTIALS_FULL_URI"], func(o *endpointcreds.Options) {
		o.HTTPClient = sdkClient()
		o.AuthorizationToken = tokenOf(t, env)
	})
	got, err := p.Retrieve(ctx)
	if err != nil || got.AccessKeyID != agenttest.AccessKeyID(1) {
		t.Errorf("credentials %s, %v", got.AccessKeyID, err)
	}
}
