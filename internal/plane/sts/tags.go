package sts

import (
	"strings"

	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi/stsapi"
)

// requestedTags are the tags that a call passes, checked for duplicates: keys differ by more than case.
func requestedTags(in []stsapi.Tag) ([]identity.Tag, error) {
	tags := make([]identity.Tag, 0, len(in))
	for _, t := range in {
		if identity.HasTag(tags, t.Key) {
			return nil, awsapi.Errorf(0, "InvalidParameterValue", "Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		}
		if strings.HasPrefix(strings.ToLower(t.Key), "aws:") {
			return nil, awsapi.ValidationError("Tag keys must not start with the reserved prefix aws:")
		}
		tags = append(tags, identity.Tag{Key: t.Key, Value: t.Value})
	}
	return tags, nil
}

// sessionTags joins the requested tags with the transitive ones of the calling session, which cannot
// be overridden, and returns the keys that go on to the next session.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html#id_session-tags_role-chaining
func sessionTags(caller *identity.Session, requested []identity.Tag, transitive []string) (all []identity.Tag, keys []string, err error) {
	all = requested
	for _, key := range transitive {
		if !identity.HasTag(requested, key) {
			return nil, nil, awsapi.Errorf(0, "InvalidParameterValue", "The specified transitive tag key must be included in the requested tags.")
		}
		keys = append(keys, key)
	}
	if caller == nil {
		return all, keys, nil
	}
	for _, t := range caller.Tags {
		if !containsFold(caller.TransitiveTagKeys, t.Key) {
			continue
		}
		if identity.HasTag(requested, t.Key) {
			return nil, nil, awsapi.Errorf(0, "InvalidParameterValue",
				"One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.")
		}
		all = append(all, t)
		keys = append(keys, t.Key)
	}
	return all, keys, nil
}

func containsFold(list []string, s string) bool {
	for _, e := range list {
		if strings.EqualFold(e, s) {
			return true
		}
	}
	return false
}
