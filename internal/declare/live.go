package declare

import (
	"context"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// tagList is how IAM and S3 spell tags.
type tagList struct {
	Tags []struct {
		Key   string `xml:"Key"`
		Value string `xml:"Value"`
	} `xml:"member"`
}

type iamEntity struct {
	Path               string  `xml:"Path"`
	Description        string  `xml:"Description"`
	MaxSessionDuration int     `xml:"MaxSessionDuration"`
	Trust              string  `xml:"AssumeRolePolicyDocument"`
	Boundary           string  `xml:"PermissionsBoundary>PermissionsBoundaryArn"`
	DefaultVersion     string  `xml:"DefaultVersionId"`
	RoleName           string  `xml:"Roles>member>RoleName"`
	Tags               tagList `xml:"Tags"`
}

// entityFrom makes an entity of what the Get… operations of IAM have alike.
func (c *client) entityFrom(want *entity, live iamEntity) (*entity, error) {
	e := &entity{kind: want.kind, name: want.name, attributes: map[string]string{attrPath: live.Path}}
	e.set(attrDescription, live.Description)
	e.set(attrBoundary, live.Boundary)
	e.set(attrRole, live.RoleName)
	if live.MaxSessionDuration > 0 {
		e.attributes[attrMaxSession] = strconv.Itoa(live.MaxSessionDuration)
	}
	trust, err := url.PathUnescape(live.Trust)
	if err != nil {
		return nil, fmt.Errorf("decoding the trust policy: %w", err)
	}
	e.set(attrTrust, trust)
	e.tags(live.Tags)
	return e, nil
}

func (e *entity) tags(list tagList) {
	for _, t := range list.Tags {
		if !strings.HasPrefix(t.Key, "aws:") {
			e.attributes[attrTag+t.Key] = t.Value
		}
	}
}

// read returns want as it is now, nil if it does not exist.
func (c *client) read(ctx context.Context, want *entity) (have *entity, err error) {
	switch want.kind {
	case KindAccount:
		return c.readAccount(ctx, want)
	case KindPolicy:
		have, err = c.readPolicy(ctx, want)
	case KindBucket:
		return c.readBucket(ctx, want)
	case KindObject:
		return c.readObject(ctx, want)
	case KindGroup, KindUser, KindRole, KindInstanceProfile:
		have, err = c.readNamed(ctx, want)
	}
	if isCode(err, "NoSuchEntity") {
		return nil, nil
	}
	return have, err
}

func (c *client) readAccount(ctx context.Context, want *entity) (*entity, error) {
	var aliases struct {
		Aliases []string `xml:"AccountAliases>member"`
	}
	if err := c.query(ctx, "ListAccountAliases", &aliases); err != nil {
		return nil, err
	}
	e := &entity{kind: want.kind, name: want.name, attributes: map[string]string{}}
	if len(aliases.Aliases) > 0 {
		e.attributes[attrAlias] = aliases.Aliases[0]
	}
	return e, nil
}

// api is the word that a kind has in the names of IAM's operations.
func (k Kind) api() string {
	switch k {
	case KindGroup:
		return "Group"
	case KindUser:
		return "User"
	case KindRole:
		return "Role"
	case KindInstanceProfile:
		return "InstanceProfile"
	default:
		return "Policy"
	}
}

// readNamed reads what IAM finds by name.
func (c *client) readNamed(ctx context.Context, want *entity) (*entity, error) {
	api := want.kind.api()
	var got struct {
		Group           iamEntity `xml:"Group"`
		User            iamEntity `xml:"User"`
		Role            iamEntity `xml:"Role"`
		InstanceProfile iamEntity `xml:"InstanceProfile"`
	}
	if err := c.query(ctx, "Get"+api, &got, api+"Name", want.name); err != nil {
		return nil, err
	}
	live := map[Kind]iamEntity{KindGroup: got.Group, KindUser: got.User, KindRole: got.Role, KindInstanceProfile: got.InstanceProfile}[want.kind]
	e, err := c.entityFrom(want, live)
	if err != nil || want.kind == KindInstanceProfile {
		return e, err
	}
	inline, err := c.listed(ctx, "List"+api+"Policies", "PolicyNames>member", "", api+"Name", want.name)
	if err != nil {
		return nil, err
	}
	for _, name := range inline {
		var document struct {
			Text string `xml:"PolicyDocument"`
		}
		if err := c.query(ctx, "Get"+api+"Policy", &document, api+"Name", want.name, "PolicyName", name); err != nil {
			return nil, err
		}
		if e.attributes[attrInline+name], err = url.PathUnescape(document.Text); err != nil {
			return nil, fmt.Errorf("decoding inline policy %s: %w", name, err)
		}
	}
	attached, err := c.listed(ctx, "ListAttached"+api+"Policies", "AttachedPolicies>member", "PolicyArn", api+"Name", want.name)
	if err != nil {
		return nil, err
	}
	for _, arn := range attached {
		e.attributes[attrAttached+arn] = "attached"
	}
	if want.kind != KindUser {
		return e, nil
	}
	groups, err := c.listed(ctx, "ListGroupsForUser", "Groups>member", "GroupName", "UserName", want.name)
	for _, group := range groups {
		e.attributes[attrGroup+group] = "member"
	}
	return e, err
}

// listed calls a List… operation to its last page and returns the texts, or the children named
// field, of the elements at path.
func (c *client) listed(ctx context.Context, operation, path, field string, parameters ...string) ([]string, error) {
	outer, _, _ := strings.Cut(path, ">")
	var all []string
	for marker := ""; ; {
		call := parameters
		if marker != "" {
			call = append(append([]string{}, parameters...), "Marker", marker)
		}
		var page struct {
			Inner     []listElement `xml:",any"`
			Truncated bool          `xml:"IsTruncated"`
			Marker    string        `xml:"Marker"`
		}
		if err := c.query(ctx, operation, &page, call...); err != nil {
			return nil, err
		}
		for _, list := range page.Inner {
			if list.XMLName.Local != outer {
				continue
			}
			for _, member := range list.Members {
				all = append(all, member.get(field))
			}
		}
		if !page.Truncated || page.Marker == "" {
			return all, nil
		}
		marker = page.Marker
	}
}

type listElement struct {
	XMLName xml.Name
	Members []listMember `xml:"member"`
}

type listMember struct {
	Text   string `xml:",chardata"`
	Fields []struct {
		XMLName xml.Name
		Text    string `xml:",chardata"`
	} `xml:",any"`
}

func (m listMember) get(field string) string {
	for _, f := range m.Fields {
		if f.XMLName.Local == field {
			return f.Text
		}
	}
	return strings.TrimSpace(m.Text)
}

// arnOf returns the ARN of a managed policy, whose path is part of it.
func (c *client) arnOf(ctx context.Context, e *entity) (string, error) {
	arn := policyARN(c.account, e.attributes[attrPath], e.name)
	var got struct{}
	err := c.query(ctx, "GetPolicy", &got, "PolicyArn", arn)
	if !isCode(err, "NoSuchEntity") {
		return arn, err
	}
	// It may be there under another path; names are unique in an account.
	all, err := c.listed(ctx, "ListPolicies", "Policies>member", "Arn", "Scope", "Local")
	if err != nil {
		return "", err
	}
	for _, other := range all {
		if other[strings.LastIndex(other, "/")+1:] == e.name {
			return other, nil
		}
	}
	return arn, nil
}

func (c *client) readPolicy(ctx context.Context, want *entity) (*entity, error) {
	arn, err := c.arnOf(ctx, want)
	if err != nil {
		return nil, err
	}
	var got struct {
		Policy iamEntity `xml:"Policy"`
	}
	if err := c.query(ctx, "GetPolicy", &got, "PolicyArn", arn); err != nil {
		return nil, err
	}
	e, err := c.entityFrom(want, got.Policy)
	if err != nil {
		return nil, err
	}
	var version struct {
		Text string `xml:"PolicyVersion>Document"`
	}
	if err := c.query(ctx, "GetPolicyVersion", &version, "PolicyArn", arn, "VersionId", got.Policy.DefaultVersion); err != nil {
		return nil, err
	}
	if e.attributes[attrDocument], err = url.PathUnescape(version.Text); err != nil {
		return nil, fmt.Errorf("decoding the document: %w", err)
	}
	return e, nil
}

// list names all of a kind.
func (c *client) list(ctx context.Context, kind Kind) ([]*entity, error) {
	if kind == KindBucket {
		return c.listBuckets(ctx)
	}
	plural := map[Kind]string{KindPolicy: "Policies", KindUser: "Users", KindRole: "Roles", KindInstanceProfile: "InstanceProfiles"}[kind]
	var parameters []string
	field := kind.api() + "Name"
	if kind == KindPolicy {
		parameters, field = []string{"Scope", "Local"}, "Arn"
	}
	names, err := c.listed(ctx, "List"+plural, plural+">member", field, parameters...)
	if err != nil {
		return nil, err
	}
	all := make([]*entity, 0, len(names))
	for _, name := range names {
		e := &entity{kind: kind, name: name, attributes: map[string]string{}}
		if kind == KindPolicy {
			_, resource, _ := strings.Cut(name, ":policy")
			slash := strings.LastIndex(resource, "/")
			e.name, e.attributes[attrPath] = resource[slash+1:], resource[:slash+1]
		}
		all = append(all, e)
	}
	return all, nil
}

func (c *client) listBuckets(ctx context.Context) ([]*entity, error) {
	_, body, err := c.s3(ctx, s3Call{operation: "ListBuckets", method: http.MethodGet})
	if err != nil {
		return nil, err
	}
	var got struct {
		Names []string `xml:"Buckets>Bucket>Name"`
	}
	if err := xml.Unmarshal(body, &got); err != nil {
		return nil, fmt.Errorf("ListBuckets: reading the answer: %w", err)
	}
	all := make([]*entity, 0, len(got.Names))
	for _, name := range got.Names {
		all = append(all, &entity{kind: KindBucket, name: name})
	}
	return all, nil
}

func (c *client) readBucket(ctx context.Context, want *entity) (*entity, error) {
	_, _, err := c.s3(ctx, s3Call{operation: "HeadBucket", method: http.MethodHead, bucket: want.name})
	if isCode(err, "NotFound", "NoSuchBucket") {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	e := &entity{kind: want.kind, name: want.name, attributes: map[string]string{}}
	policy, err := c.bucketPart(ctx, want.name, "policy", "GetBucketPolicy", "NoSuchBucketPolicy")
	if err != nil {
		return nil, err
	}
	e.set(attrPolicy, string(policy))
	var encryption struct {
		Algorithm string `xml:"Rule>ApplyServerSideEncryptionByDefault>SSEAlgorithm"`
	}
	if err := c.bucketXML(ctx, want.name, "encryption", "GetBucketEncryption", &encryption, "ServerSideEncryptionConfigurationNotFoundError"); err != nil {
		return nil, err
	}
	e.set(attrEncryption, encryption.Algorithm)
	var versioning struct {
		Status string `xml:"Status"`
	}
	if err := c.bucketXML(ctx, want.name, "versioning", "GetBucketVersioning", &versioning); err != nil {
		return nil, err
	}
	e.set(attrVersioning, versioning.Status)
	var tags struct {
		Tags []struct {
			Key   string `xml:"Key"`
			Value string `xml:"Value"`
		} `xml:"TagSet>Tag"`
	}
	if err := c.bucketXML(ctx, want.name, "tagging", "GetBucketTagging", &tags, "NoSuchTagSet"); err != nil {
		return nil, err
	}
	e.tags(tagList{Tags: tags.Tags})
	return e, nil
}

// bucketPart reads a subresource; it returns nil if the error is one of those that say "none".
func (c *client) bucketPart(ctx context.Context, bucket, part, operation string, none ...string) ([]byte, error) {
	_, body, err := c.s3(ctx, s3Call{operation: operation, method: http.MethodGet, bucket: bucket, query: url.Values{part: {""}}})
	if isCode(err, none...) {
		return nil, nil
	}
	return body, err
}

func (c *client) bucketXML(ctx context.Context, bucket, part, operation string, into any, none ...string) error {
	body, err := c.bucketPart(ctx, bucket, part, operation, none...)
	if err != nil || len(body) == 0 {
		return err
	}
	if err := xml.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%s: reading the answer: %w", operation, err)
	}
	return nil
}

// contentHeader keeps the hash of a seeded object's content with it.
const contentHeader = "X-Amz-Meta-Rolecall-Sha256"

func (c *client) readObject(ctx context.Context, want *entity) (*entity, error) {
	bucket, key, _ := strings.Cut(want.name, "/")
	header, _, err := c.s3(ctx, s3Call{operation: "HeadObject", method: http.MethodHead, bucket: bucket, key: key})
	if isCode(err, "NotFound", "NoSuchKey", "NoSuchBucket") {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	e := &entity{kind: want.kind, name: want.name, attributes: map[string]string{}}
	e.set(attrContent, header.Get(contentHeader))
	return e, nil
}
