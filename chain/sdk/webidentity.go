package sdk

import (
	"slices"
	"strings"
)

// webIdentity is a role that a token in a file may assume, as the environment, the profile or both name it.
func (w *walk) webIdentity(profile string, fromEnv, fromProfile bool) result {
	if !w.m.WebID.Supported {
		return absent()
	}
	envFile, envRole := w.s.Env["AWS_WEB_IDENTITY_TOKEN_FILE"], w.s.Env["AWS_ROLE_ARN"]
	if !fromEnv {
		envFile, envRole = "", ""
	}
	if p := w.m.WebID.ProfileEnv; len(p) > 0 && w.from != "code" && !w.asSource {
		profile = orElse(w.s.Env[p[0]], "default")
	}
	file, arn := "", ""
	if fromProfile && !w.m.WebID.EnvOnly {
		file, arn = w.value(profile, "web_identity_token_file"), w.value(profile, "role_arn")
	}
	missingRole := w.m.WebID.ProfileMissingRoleARN
	if w.m.WebID.PerKeyEnvOrProfile && fromEnv && fromProfile {
		file, arn = orElse(envFile, file), orElse(envRole, arn)
	} else if envFile != "" && (envRole != "" || w.m.WebID.EnvMissingRoleARN != "absent" || file == "") {
		file, arn, missingRole = envFile, envRole, w.m.WebID.EnvMissingRoleARN
	}
	if file == "" && fromProfile && w.m.WebID.FollowsSources {
		return w.followedWebIdentity(profile)
	}
	if file == "" {
		return absent()
	}
	if arn == "" {
		return graded(missingRole, FromWebID, "a token file without a role")
	}
	if _, ok := w.read(file); !ok {
		return graded(w.m.WebID.MissingFile, FromWebID, "the token file is missing").classed("file")
	}
	if err := w.sts(w.m.WebID.NoRegion, profile); err != nil {
		return fails(FromWebID, err.Error())
	}
	return w.called(FromWebID, "webid", "web identity token").assuming(roleName(arn))
}

// followedWebIdentity is the token of the profile's source, or of that one's, with the roles on the way.
func (w *walk) followedWebIdentity(profile string) result {
	chosen := profile // whose region it is
	var arns []string
	seen := map[string]bool{}
	for w.value(profile, "web_identity_token_file") == "" && w.value(profile, "source_profile") != "" {
		if seen[profile] {
			return fails(FromWebID, "source_profile makes a loop").finally()
		}
		seen[profile] = true
		arns, profile = append(arns, w.value(profile, "role_arn")), w.value(profile, "source_profile")
	}
	file, arn := w.value(profile, "web_identity_token_file"), w.value(profile, "role_arn")
	if _, ok := w.read(file); !ok || slices.Contains(append(arns, arn), "") {
		return absent()
	}
	if err := w.sts(w.m.WebID.NoRegion, chosen); err != nil {
		return fails(FromWebID, err.Error())
	}
	r := w.called(FromWebID, "webid", "web identity token").assuming(roleName(arn))
	for _, arn := range slices.Backward(arns) {
		r = r.assuming(roleName(arn))
	}
	return r
}

// roleName is the role of an ARN, its path included.
func roleName(arn string) string {
	_, name, ok := strings.Cut(arn, "role/")
	if !ok {
		return arn
	}
	return name
}
