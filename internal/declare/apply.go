package declare

import (
	"context"
	"crypto/md5" //nolint:gosec // Content-MD5 is what S3 asks for, beside the SHA-256
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// fixed reports an attribute that cannot be changed once the entity is there.
func (c Change) fixed() error {
	if c.Op != Update {
		return nil
	}
	for _, a := range c.Attributes {
		byUpdate := c.Kind == KindUser || c.Kind == KindGroup
		if a.Name == attrPath && !byUpdate || a.Name == attrDescription && c.Kind == KindPolicy {
			return fmt.Errorf("%s %s: its %s is %q and cannot be changed to %q; delete it first, or take the value over into the file",
				c.Kind, c.Name, a.Name, a.Before, a.After)
		}
	}
	return nil
}

// apply makes one change. Every step of it may have been made before.
func (c *client) apply(ctx context.Context, change Change) error {
	switch change.Op {
	case Delete:
		return c.remove(ctx, change.entity)
	case Create:
		made, err := c.create(ctx, change.entity)
		if err != nil {
			return err
		}
		return c.set(ctx, change, made)
	default:
		return c.set(ctx, change, nil)
	}
}

// create makes the entity and returns the attributes that it has thereby.
func (c *client) create(ctx context.Context, e *entity) (made []string, err error) {
	parameters := []string{e.kind.api() + "Name", e.name, "Path", e.attributes[attrPath]}
	give := func(attr, parameter string) {
		if value, ok := e.attributes[attr]; ok {
			parameters = append(parameters, parameter, value)
			made = append(made, attr)
		}
	}
	switch e.kind {
	case KindAccount:
		return nil, nil
	case KindBucket:
		return nil, c.createBucket(ctx, e)
	case KindObject:
		return []string{attrContent}, c.putObject(ctx, e)
	case KindPolicy:
		give(attrDescription, "Description")
		give(attrDocument, "PolicyDocument")
	case KindUser:
		give(attrBoundary, "PermissionsBoundary")
	case KindRole:
		give(attrDescription, "Description")
		give(attrTrust, "AssumeRolePolicyDocument")
		give(attrMaxSession, "MaxSessionDuration")
		give(attrBoundary, "PermissionsBoundary")
	case KindGroup, KindInstanceProfile:
	}
	made = append(made, attrPath)
	if e.kind.taggable() {
		n := 0
		for _, attr := range sortedKeys(e.attributes) {
			if key, ok := strings.CutPrefix(attr, attrTag); ok {
				n++
				member := "Tags.member." + strconv.Itoa(n)
				parameters = append(parameters, member+".Key", key, member+".Value", e.attributes[attr])
				made = append(made, attr)
			}
		}
	}
	err = c.query(ctx, "Create"+e.kind.api(), nil, parameters...)
	if isCode(err, "EntityAlreadyExists") {
		// Made since the plan, perhaps by an earlier try of this very change that was put off half way.
		return nil, nil
	}
	return made, err
}

// set makes the attributes of a change so, except those that are made.
func (c *client) set(ctx context.Context, change Change, made []string) error {
	e := change.entity
	if e.kind == KindBucket {
		return c.setBucket(ctx, change)
	}
	updated := false
	for _, a := range change.Attributes {
		if slices.Contains(made, a.Name) {
			continue
		}
		var err error
		switch name := a.Name; {
		case name == attrPath || name == attrDescription || name == attrMaxSession:
			if !updated { // one call for all of them
				err = c.updateEntity(ctx, e)
				updated = true
			}
		case name == attrDocument:
			err = c.newVersion(ctx, e)
		default:
			err = c.setAttribute(ctx, e, a)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *client) updateEntity(ctx context.Context, e *entity) error {
	name := e.kind.api() + "Name"
	switch e.kind {
	case KindUser, KindGroup:
		return c.query(ctx, "Update"+e.kind.api(), nil, name, e.name, "NewPath", e.attributes[attrPath])
	case KindRole:
		return c.query(ctx, "UpdateRole", nil, name, e.name, "Description", e.attributes[attrDescription], "MaxSessionDuration", e.attributes[attrMaxSession])
	default:
		return nil // nothing that can be updated: NewPlan refuses it
	}
}

// setAttribute makes one attribute of an IAM entity, or of the account, so.
func (c *client) setAttribute(ctx context.Context, e *entity, a Attribute) error {
	api, gone := e.kind.api(), a.Op == Delete
	self := []string{api + "Name", e.name}
	call := func(operation string, parameters ...string) error {
		err := c.query(ctx, operation, nil, append(slices.Clone(self), parameters...)...)
		if gone && isCode(err, "NoSuchEntity") {
			return nil
		}
		return err
	}
	verb := func(set, unset string) string {
		if gone {
			return unset
		}
		return set
	}
	if name, ok := strings.CutPrefix(a.Name, attrInline); ok {
		if gone {
			return call("Delete"+api+"Policy", "PolicyName", name)
		}
		return call("Put"+api+"Policy", "PolicyName", name, "PolicyDocument", a.After)
	}
	if arn, ok := strings.CutPrefix(a.Name, attrAttached); ok {
		return call(verb("Attach", "Detach")+api+"Policy", "PolicyArn", arn)
	}
	if group, ok := strings.CutPrefix(a.Name, attrGroup); ok {
		return call(verb("AddUserToGroup", "RemoveUserFromGroup"), "GroupName", group)
	}
	if key, ok := strings.CutPrefix(a.Name, attrTag); ok {
		return c.setTag(ctx, e, key, a, self)
	}
	switch a.Name {
	case attrTrust:
		return call("UpdateAssumeRolePolicy", "PolicyDocument", a.After)
	case attrBoundary:
		if gone {
			return call("Delete" + api + "PermissionsBoundary")
		}
		return call("Put"+api+"PermissionsBoundary", "PermissionsBoundary", a.After)
	case attrRole:
		return c.setProfileRole(ctx, e, a)
	case attrAlias:
		return c.query(ctx, "CreateAccountAlias", nil, "AccountAlias", a.After)
	case attrContent:
		return c.putObject(ctx, e)
	default:
		return fmt.Errorf("no way to set %q", a.Name)
	}
}

func (c *client) setTag(ctx context.Context, e *entity, key string, a Attribute, self []string) error {
	if e.kind == KindPolicy {
		arn, err := c.arnOf(ctx, e)
		if err != nil {
			return err
		}
		self = []string{"PolicyArn", arn}
	}
	if a.Op == Delete {
		return c.query(ctx, "Untag"+e.kind.api(), nil, append(self, "TagKeys.member.1", key)...)
	}
	return c.query(ctx, "Tag"+e.kind.api(), nil, append(self, "Tags.member.1.Key", key, "Tags.member.1.Value", a.After)...)
}

// setProfileRole replaces the role of an instance profile, which holds one at most.
func (c *client) setProfileRole(ctx context.Context, e *entity, a Attribute) error {
	if a.Before != "" {
		err := c.query(ctx, "RemoveRoleFromInstanceProfile", nil, "InstanceProfileName", e.name, "RoleName", a.Before)
		if err != nil && !isCode(err, "NoSuchEntity") {
			return err
		}
	}
	if a.After == "" {
		return nil
	}
	return c.query(ctx, "AddRoleToInstanceProfile", nil, "InstanceProfileName", e.name, "RoleName", a.After)
}

// maxVersions is how many versions IAM keeps of a managed policy.
const maxVersions = 5

// newVersion gives a managed policy a new default version, and first drops the oldest if it has all
// that it may have.
func (c *client) newVersion(ctx context.Context, e *entity) error {
	arn, err := c.arnOf(ctx, e)
	if err != nil {
		return err
	}
	versions, err := c.oldVersions(ctx, arn)
	if err != nil {
		return err
	}
	if len(versions) >= maxVersions-1 {
		if err := c.query(ctx, "DeletePolicyVersion", nil, "PolicyArn", arn, "VersionId", versions[len(versions)-1]); err != nil {
			return err
		}
	}
	return c.query(ctx, "CreatePolicyVersion", nil, "PolicyArn", arn, "PolicyDocument", e.attributes[attrDocument], "SetAsDefault", "true")
}

// oldVersions lists the versions of a policy that are not its default, newest first.
func (c *client) oldVersions(ctx context.Context, arn string) ([]string, error) {
	var got struct {
		Versions []struct {
			ID        string `xml:"VersionId"`
			IsDefault bool   `xml:"IsDefaultVersion"`
		} `xml:"Versions>member"`
	}
	if err := c.query(ctx, "ListPolicyVersions", &got, "PolicyArn", arn); err != nil {
		return nil, err
	}
	var old []string
	for _, v := range got.Versions {
		if !v.IsDefault {
			old = append(old, v.ID)
		}
	}
	slices.SortFunc(old, func(a, b string) int { return versionNumber(b) - versionNumber(a) })
	return old, nil
}

func versionNumber(id string) int {
	n, err := strconv.Atoi(strings.TrimPrefix(id, "v"))
	if err != nil {
		return 0
	}
	return n
}

// remove deletes an entity with all that would stand in the way, its access keys included.
func (c *client) remove(ctx context.Context, e *entity) error {
	var err error
	switch e.kind {
	case KindBucket:
		_, _, err = c.s3(ctx, s3Call{operation: "DeleteBucket", method: http.MethodDelete, bucket: e.name})
		if isCode(err, "NoSuchBucket") {
			return nil
		}
		return err
	case KindPolicy:
		return c.removePolicy(ctx, e)
	case KindUser:
		err = c.removeKeys(ctx, e)
	case KindRole:
		err = c.leaveProfiles(ctx, e)
	default:
	}
	if err != nil && !isCode(err, "NoSuchEntity") {
		return err
	}
	for _, name := range sortedKeys(e.attributes) {
		switch {
		case strings.HasPrefix(name, attrInline), strings.HasPrefix(name, attrAttached), strings.HasPrefix(name, attrGroup), name == attrRole:
			a := Attribute{Name: name, Op: Delete, Before: e.attributes[name]}
			if err := c.setAttribute(ctx, e, a); err != nil {
				return err
			}
		}
	}
	err = c.query(ctx, "Delete"+e.kind.api(), nil, e.kind.api()+"Name", e.name)
	if isCode(err, "NoSuchEntity") {
		return nil
	}
	return err
}

func (c *client) removePolicy(ctx context.Context, e *entity) error {
	arn, err := c.arnOf(ctx, e)
	if err != nil {
		return err
	}
	versions, err := c.oldVersions(ctx, arn)
	if isCode(err, "NoSuchEntity") {
		return nil
	}
	if err != nil {
		return err
	}
	for _, version := range versions {
		if err := c.query(ctx, "DeletePolicyVersion", nil, "PolicyArn", arn, "VersionId", version); err != nil {
			return err
		}
	}
	return c.query(ctx, "DeletePolicy", nil, "PolicyArn", arn)
}

func (c *client) removeKeys(ctx context.Context, e *entity) error {
	keys, err := c.listed(ctx, "ListAccessKeys", "AccessKeyMetadata>member", "AccessKeyId", "UserName", e.name)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if err := c.query(ctx, "DeleteAccessKey", nil, "UserName", e.name, "AccessKeyId", key); err != nil {
			return err
		}
	}
	return nil
}

func (c *client) leaveProfiles(ctx context.Context, e *entity) error {
	profiles, err := c.listed(ctx, "ListInstanceProfilesForRole", "InstanceProfiles>member", "InstanceProfileName", "RoleName", e.name)
	if err != nil {
		return err
	}
	for _, profile := range profiles {
		if err := c.query(ctx, "RemoveRoleFromInstanceProfile", nil, "InstanceProfileName", profile, "RoleName", e.name); err != nil {
			return err
		}
	}
	return nil
}

func (c *client) createBucket(ctx context.Context, e *entity) error {
	var body []byte
	if region := c.target.Region; region != "us-east-1" {
		body = []byte(`<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><LocationConstraint>` + region + `</LocationConstraint></CreateBucketConfiguration>`)
	}
	_, _, err := c.s3(ctx, s3Call{operation: "CreateBucket", method: http.MethodPut, bucket: e.name, body: body})
	if isCode(err, "BucketAlreadyOwnedByYou") {
		return nil
	}
	return err
}

// setBucket makes attributes of a bucket so; tags are one document.
func (c *client) setBucket(ctx context.Context, change Change) error {
	tagged := false
	for _, a := range change.Attributes {
		var err error
		switch {
		case strings.HasPrefix(a.Name, attrTag):
			if !tagged {
				err = c.putTags(ctx, change.entity)
				tagged = true
			}
		case a.Op == Delete:
			err = c.deletePart(ctx, change.Name, a.Name)
		case a.Name == attrPolicy:
			err = c.putPart(ctx, change.Name, "policy", "PutBucketPolicy", []byte(a.After))
		case a.Name == attrEncryption:
			err = c.putPart(ctx, change.Name, "encryption", "PutBucketEncryption", []byte(`<ServerSideEncryptionConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>`+
				a.After+`</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>`))
		case a.Name == attrVersioning:
			err = c.putPart(ctx, change.Name, "versioning", "PutBucketVersioning", []byte(`<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>`+a.After+`</Status></VersioningConfiguration>`))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *client) deletePart(ctx context.Context, bucket, attr string) error {
	part := map[string]string{attrPolicy: "policy", attrEncryption: "encryption"}[attr]
	if part == "" {
		return errors.New("versioning cannot be removed from a bucket, only suspended")
	}
	_, _, err := c.s3(ctx, s3Call{operation: "DeleteBucket " + part, method: http.MethodDelete, bucket: bucket, query: url.Values{part: {""}}})
	return err
}

func (c *client) putTags(ctx context.Context, e *entity) error {
	type tag struct {
		Key   string `xml:"Key"`
		Value string `xml:"Value"`
	}
	document := struct {
		XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ Tagging"`
		Tags    []tag    `xml:"TagSet>Tag"`
	}{}
	for _, attr := range sortedKeys(e.attributes) {
		if key, ok := strings.CutPrefix(attr, attrTag); ok {
			document.Tags = append(document.Tags, tag{key, e.attributes[attr]})
		}
	}
	body, err := xml.Marshal(document)
	if err != nil {
		return fmt.Errorf("encoding tags: %w", err)
	}
	return c.putPart(ctx, e.name, "tagging", "PutBucketTagging", body)
}

func (c *client) putPart(ctx context.Context, bucket, part, operation string, body []byte) error {
	sum := md5.Sum(body) //nolint:gosec // see the import
	_, _, err := c.s3(ctx, s3Call{
		operation: operation, method: http.MethodPut, bucket: bucket, query: url.Values{part: {""}}, body: body,
		header: http.Header{"Content-Md5": {base64Of(sum[:])}},
	})
	return err
}

// putObject writes an object; one that is to be kept is only written if there is none yet.
func (c *client) putObject(ctx context.Context, e *entity) error {
	bucket, key, _ := strings.Cut(e.name, "/")
	header := http.Header{contentHeader: {e.attributes[attrContent]}}
	if e.contentType != "" {
		header.Set("Content-Type", e.contentType)
	}
	if e.keep {
		header.Set("If-None-Match", "*")
	}
	_, _, err := c.s3(ctx, s3Call{operation: "PutObject", method: http.MethodPut, bucket: bucket, key: key, body: e.body, header: header})
	if e.keep && isCode(err, "PreconditionFailed") {
		return nil // somebody else's is there now
	}
	return err
}

func base64Of(b []byte) string { return base64.StdEncoding.EncodeToString(b) }
