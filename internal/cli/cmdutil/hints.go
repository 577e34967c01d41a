package cmdutil

import (
	"errors"
	"io/fs"
	"strings"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/sts"
)

// Hint returns the line that says how to mend err, "" when there is nothing useful to say.
// A hint that travels with the error wins over the table.
func Hint(err error) string {
	var hinted *HintedError
	if errors.As(err, &hinted) {
		return hinted.Hint
	}
	var exit *ExitError
	if errors.As(err, &exit) && exit.Hint != "" {
		return exit.Hint
	}
	var remote *sts.Error
	if errors.As(err, &remote) {
		return stsHint(remote.Code)
	}
	if errors.Is(err, rolecall.ErrNotHere) {
		return "run `rolecall explain` to see every place that was looked at"
	}
	text := err.Error()
	for _, row := range textHints() {
		if strings.Contains(text, row.contains) {
			return row.hint
		}
	}
	if errors.Is(err, fs.ErrPermission) {
		return "check the owner and mode of the file with `ls -l`"
	}
	return ""
}

func stsHint(code string) string {
	switch code {
	case "ExpiredToken", "ExpiredTokenException":
		return "the credentials in use are expired: sign in again, or `unset AWS_SESSION_TOKEN AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY`"
	case "InvalidClientTokenId", "UnrecognizedClientException":
		return "the access key does not exist at this endpoint: check AWS_ENDPOINT_URL_STS and the key with `rolecall explain`"
	case "SignatureDoesNotMatch":
		return "the secret does not belong to the access key id, or the clock is off: check both with `rolecall explain`"
	case "RequestTimeTooSkewed":
		return "the clock of this machine is off: synchronize it (`timedatectl status`)"
	case "AccessDenied", "AccessDeniedException":
		return "see who asks with `rolecall whoami`; the role's trust policy must name that principal (and its external id or MFA, if it demands them)"
	case "InvalidIdentityToken":
		return "the token was not accepted by the role's identity provider: check its audience and issuer"
	case "RegionDisabledException":
		return "STS is not activated in this region: choose another with AWS_REGION"
	}
	return ""
}

type textHint struct{ contains, hint string }

// textHints is for errors of which only the words are known here, because they arise in packages
// that the commands do not import.
func textHints() []textHint {
	return []textHint{
		{"needs an answer: ", "run it in a terminal, or give the answer by its flag"},
		{"no region", "set AWS_REGION, or `region = …` in the profile"},
		{"aws sso login", ""},
		{"signin:CreateOAuth2Token", "have the managed policy SignInLocalDevelopmentAccess attached to the user or role that signs in"},
		{"saml_process of profile", "run the profile's saml_process by itself and see what it prints: the identity provider's response, in base64 or as XML"},
		{"no such host", "check the endpoint's name and this machine's DNS"},
		{"connection refused", "nothing listens there: check the endpoint (AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_STS) and that the service runs"},
		{"x509: ", "the server's certificate is not trusted: set AWS_CA_BUNDLE to the PEM file of its authority"},
	}
}
