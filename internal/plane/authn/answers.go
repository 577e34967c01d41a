package authn

import (
	"net/http"

	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/sigv4"
)

// unknownKey is the answer to keys that do not exist, are inactive, or whose owner is gone: AWS does
// not tell these apart.
func unknownKey(d sigv4.Dialect) *awsapi.Error {
	if d == sigv4.S3 {
		return awsapi.Errorf(http.StatusForbidden, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
	}
	return awsapi.Errorf(http.StatusForbidden, "InvalidClientTokenId", "The security token included in the request is invalid.")
}

// badToken is the answer to session tokens that do not open.
func badToken(d sigv4.Dialect) *awsapi.Error {
	if d == sigv4.S3 {
		return awsapi.Errorf(http.StatusBadRequest, "InvalidToken", "The provided token is malformed or otherwise invalid.")
	}
	return awsapi.Errorf(http.StatusForbidden, "InvalidClientTokenId", "The security token included in the request is invalid")
}

func expired(d sigv4.Dialect) *awsapi.Error {
	if d == sigv4.S3 {
		return awsapi.Errorf(http.StatusBadRequest, "ExpiredToken", "The provided token has expired.")
	}
	return awsapi.Errorf(http.StatusForbidden, "ExpiredToken", "The security token included in the request is expired")
}

func wrongService(d sigv4.Dialect, service string) *awsapi.Error {
	if d == sigv4.S3 {
		return awsapi.Errorf(http.StatusBadRequest, "AuthorizationHeaderMalformed",
			"The authorization header is malformed; incorrect service. This endpoint belongs to \"s3\".")
	}
	return awsapi.Errorf(http.StatusForbidden, "SignatureDoesNotMatch", "Credential should be scoped to correct service: '%s'. ", service)
}
