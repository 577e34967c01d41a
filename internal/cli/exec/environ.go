package exec

import (
	"slices"
	"strings"
	"time"

	"github.com/rolecall-dev/rolecall"
)

// shadowing are the variables that lead some SDK to other credentials than those that are handed
// over, or that mix with them: static keys under all their names, profiles, web identity, the
// container endpoint. AWS_EC2_METADATA_* and AWS_ENDPOINT_URL* stay: they lead nobody to credentials
// before the endpoint is asked.
func shadowing() []string {
	return []string{
		"AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY", "AWSACCESSKEYID",
		"AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY", "AWSSECRETACCESSKEY", "SECRET_ACCESS_KEY",
		"AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWSSESSIONTOKEN",
		"AMAZON_ACCESS_KEY_ID", "AMAZON_SECRET_ACCESS_KEY", "AMAZON_SESSION_TOKEN",
		"AWS_CREDENTIAL_EXPIRATION", "AWS_ACCOUNT_ID", "AWS_CREDENTIAL_FILE",
		"AWS_PROFILE", "AWS_DEFAULT_PROFILE",
		"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME",
		"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
		"AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
	}
}

// strip returns environ without what shadows.
func strip(environ []string) []string {
	names := shadowing()
	kept := make([]string, 0, len(environ)+8)
	for _, e := range environ {
		name, _, _ := strings.Cut(e, "=")
		if !slices.Contains(names, name) {
			kept = append(kept, e)
		}
	}
	return kept
}

// last keeps the last one of variables that are set twice: C programs would read the first.
func last(environ []string) []string {
	at := make(map[string]int, len(environ))
	for i, e := range environ {
		name, _, _ := strings.Cut(e, "=")
		at[name] = i
	}
	kept := make([]string, 0, len(environ))
	for i, e := range environ {
		if name, _, _ := strings.Cut(e, "="); at[name] == i {
			kept = append(kept, e)
		}
	}
	return kept
}

// credentialVariables is how Lambda hands over credentials.
func credentialVariables(c rolecall.Credentials) []string {
	env := []string{
		"AWS_ACCESS_KEY_ID=" + c.AccessKeyID,
		"AWS_SECRET_ACCESS_KEY=" + c.SecretAccessKey.Expose(),
	}
	if !c.SessionToken.IsZero() {
		env = append(env, "AWS_SESSION_TOKEN="+c.SessionToken.Expose())
	}
	if c.CanExpire() {
		env = append(env, "AWS_CREDENTIAL_EXPIRATION="+c.Expires.UTC().Format(time.RFC3339))
	}
	return env
}
