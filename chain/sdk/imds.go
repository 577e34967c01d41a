package sdk

import (
	"slices"
	"strings"
)

// imds is the instance's role; asSource says that a profile names it, to which some do not apply the switch.
func (w *walk) imds(asSource bool) result {
	off, set := w.s.Env["AWS_EC2_METADATA_DISABLED"]
	disabled := false
	switch w.m.IMDS.DisabledWhen {
	case "true-ci":
		disabled = strings.EqualFold(off, "true")
	case "not-empty-not-false":
		disabled = off != "" && off != "false"
	case "non-empty":
		disabled = off != ""
	case "not-unset-not-false":
		disabled = set && off != "false"
	}
	if disabled && !(asSource && w.m.IMDS.NamedIgnoresDisabled) {
		return absent()
	}
	i := w.s.IMDS
	if name := w.m.IMDS.EndpointEnv; i == nil && name != "" && w.s.Env[name] != "" {
		i = &IMDS{}
	} else if i != nil && w.s.Env["AWS_EC2_METADATA_SERVICE_ENDPOINT"] != "" && name == "" {
		i = nil
	}
	if i == nil {
		return absent()
	}
	if r, stop := w.imdsToken(i); stop {
		return r
	}
	switch {
	case i.NoRole:
		return absent()
	case i.BadJSON:
		return graded(orElse(w.m.IMDS.BadJSON, "absent"), FromIMDS, "the metadata service answers no JSON")
	case i.Fail:
		return graded(w.m.IMDS.FailureCode, FromIMDS, "the metadata service refuses")
	case i.Expired && w.m.IMDS.Expired == "hang":
		return fails(FromIMDS, "the metadata service has expired credentials").finally()
	}
	return w.called(FromIMDS, "AKIMDS", "instance role")
}

// imdsToken is what becomes of a refused token: version 1, nothing, or a failure.
func (w *walk) imdsToken(i *IMDS) (r result, stop bool) {
	if i.Put == nil {
		return result{}, false
	}
	code := "timeout"
	if n, ok := i.Put.(float64); ok {
		code = map[float64]string{400: "400", 403: "403", 404: "404", 405: "405", 500: "500"}[n]
	}
	const refused = "the metadata service refuses a token"
	if code == "400" {
		return graded(w.m.IMDS.Put400, FromIMDS, refused), true
	}
	v1 := w.m.IMDS.V1Fallback || code == "timeout"
	for _, name := range w.m.IMDS.V1Disable {
		v1 = v1 && !strings.EqualFold(w.s.Env[name], "true")
	}
	v1 = v1 && !strings.EqualFold(w.value(w.profile, "ec2_metadata_v1_disabled"), "true")
	if v1 && slices.Contains(w.m.IMDS.V1FallbackOn, code) {
		return result{}, false
	}
	if code == "timeout" && w.m.IMDS.TokenTimeout != "" {
		return graded(w.m.IMDS.TokenTimeout, FromIMDS, "the metadata service does not answer"), true
	}
	return graded(orElse(w.m.IMDS.TokenRefused, "absent"), FromIMDS, refused), true
}
