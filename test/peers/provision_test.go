//go:build peers

package peers

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/rolecall-dev/rolecall/test/kit"
)

// nodeKey is the long-lived key of the user that the agent acts as.
type nodeKey struct{ id, secret string }

func (k nodeKey) env() []string {
	return []string{"AWS_ACCESS_KEY_ID=" + k.id, "AWS_SECRET_ACCESS_KEY=" + k.secret}
}

func roleARN(name string) string { return "arn:aws:iam::" + kit.Account + ":role/" + name }

// provision fills a plane through its IAM and S3 APIs with the AWS CLI: buckets that encrypt, the objects that the
// clients read, a user for the agent, and a role per workload.
func provision(t *testing.T, plane *kit.Plane) nodeKey {
	t.Helper()
	for _, b := range []string{bucket, "backups", "tfstate"} {
		awscli(t, plane, "s3api", "create-bucket", "--bucket", b)
		awscli(t, plane, "s3api", "put-bucket-encryption", "--bucket", b, "--server-side-encryption-configuration",
			`{"Rules":[{"ApplyServerSideEncryptionByDefault":{"SSEAlgorithm":"AES256"}}]}`)
	}
	for key, text := range map[string]string{ownKey: ownText, foreignKey: "not for web-app"} {
		file := filepath.Join(t.TempDir(), "object")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		awscli(t, plane, "s3api", "put-object", "--bucket", bucket, "--key", key, "--body", file)
	}

	awscli(t, plane, "iam", "create-user", "--user-name", "node")
	awscli(t, plane, "iam", "put-user-policy", "--user-name", "node", "--policy-name", "assume",
		"--policy-document", document(t, policy(statement("sts:AssumeRole", roleARN("*")))))
	var made struct {
		AccessKey struct{ AccessKeyId, SecretAccessKey string }
	}
	if err := json.Unmarshal([]byte(awscli(t, plane, "iam", "create-access-key", "--user-name", "node", "--output", "json")), &made); err != nil {
		t.Fatal(err)
	}

	node := "arn:aws:iam::" + kit.Account + ":user/node"
	role(t, plane, "web-app", node,
		statement("s3:GetObject", "arn:aws:s3:::private/web-app/*"),
		`{"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::private","Condition":{"StringLike":{"s3:prefix":"web-app/*"}}}`)
	role(t, plane, "backup", node,
		statement("s3:ListBucket s3:GetBucketLocation", "arn:aws:s3:::backups"),
		statement("s3:GetObject s3:PutObject s3:DeleteObject s3:AbortMultipartUpload", "arn:aws:s3:::backups/*"))
	role(t, plane, "deploy", node, statement("sts:AssumeRole", roleARN("terraform-state")))
	role(t, plane, "terraform-state", roleARN("deploy"),
		statement("s3:ListBucket", "arn:aws:s3:::tfstate"),
		statement("s3:GetObject s3:PutObject s3:DeleteObject", "arn:aws:s3:::tfstate/app/*"))
	return nodeKey{id: made.AccessKey.AccessKeyId, secret: made.AccessKey.SecretAccessKey}
}

// role makes a role that principal may assume, with the permissions of the statements.
func role(t *testing.T, plane *kit.Plane, name, principal string, statements ...string) {
	t.Helper()
	trust := policy(`{"Effect":"Allow","Principal":{"AWS":"` + principal + `"},"Action":"sts:AssumeRole"}`)
	awscli(t, plane, "iam", "create-role", "--role-name", name, "--assume-role-policy-document", document(t, trust))
	awscli(t, plane, "iam", "put-role-policy", "--role-name", name, "--policy-name", "own", "--policy-document", document(t, policy(statements...)))
}
