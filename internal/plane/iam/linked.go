package iam

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"strings"

	"github.com/rolecall-dev/rolecall/internal/directory"
	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi/iamapi"
)

const linkedPath = "/aws-service-role/"

// reservedPath reports whether only AWS may create roles under the path.
func reservedPath(path string) bool {
	return strings.HasPrefix(path, linkedPath)
}

// linkedName is the name of the role of a service: AWS's own spelling where it is not that of the
// service's principal.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_aws-services-that-work-with-iam.html
func linkedName(service, suffix string) string {
	label, _, _ := strings.Cut(service, ".")
	name := map[string]string{
		"autoscaling": "AutoScaling", "batch": "Batch", "cloudtrail": "CloudTrail", "config": "Config",
		"ecs": "ECS", "eks": "AmazonEKS", "eks-nodegroup": "AmazonEKSNodegroup", "elasticache": "ElastiCache",
		"elasticbeanstalk": "ElasticBeanstalk", "elasticloadbalancing": "ElasticLoadBalancing",
		"guardduty": "AmazonGuardDuty", "lex": "LexBots", "opensearchservice": "AmazonOpenSearchService",
		"organizations": "Organizations", "rds": "RDS", "redshift": "Redshift", "rolesanywhere": "RolesAnywhere",
		"securityhub": "SecurityHub", "sso": "SSO", "ssm": "AmazonSSM", "spot": "EC2Spot", "spotfleet": "EC2SpotFleet",
		"support": "Support", "trustedadvisor": "TrustedAdvisor",
	}[label]
	if name == "" {
		name = strings.ToUpper(label[:1]) + label[1:]
	}
	name = "AWSServiceRoleFor" + name
	if suffix != "" {
		name += "_" + suffix
	}
	return name
}

func (v *service) createServiceLinkedRole(ctx context.Context, c *awsapi.Call, in *iamapi.CreateServiceLinkedRoleInput) (*iamapi.CreateServiceLinkedRoleOutput, error) {
	host := in.AWSServiceName
	if !strings.HasSuffix(host, ".amazonaws.com") || host[0] == '.' || strings.ContainsAny(host, "/\"\\ ") {
		return nil, iamapi.ErrInvalidInput("%s is not a valid service principal.", host)
	}
	path, name := linkedPath+host+"/", linkedName(host, value(in.CustomSuffix))
	arn := identity.RoleARN(account(c), path, name)
	document, err := json.Marshal(map[string]any{
		"Version": "2012-10-17",
		"Statement": []any{map[string]any{
			"Effect": "Allow", "Principal": map[string]string{"Service": host}, "Action": "sts:AssumeRole",
		}},
	})
	if err != nil {
		return nil, err
	}
	var made *identity.Role
	err = v.directory.Update(ctx, func(tx *directory.Tx) error {
		if err := v.ask(ctx, c, "CreateServiceLinkedRole", arn, key("iam:AWSServiceName", host)); err != nil {
			return err
		}
		if tx.Role(account(c), name) != nil {
			return iamapi.ErrInvalidInput("Service role name %s has been taken in this account, please try a different suffix.", name)
		}
		r, err := identity.NewRole(account(c), path, name, string(document), c.Time)
		if err != nil {
			return err
		}
		r.Description, r.LinkedService = value(in.Description), host
		made = r
		return tx.Put(r)
	})
	if err != nil {
		return nil, err
	}
	c.Touched(arn, "AWS::IAM::Role")
	out := createdRole(v.directory.Snapshot(), made)
	return &iamapi.CreateServiceLinkedRoleOutput{Role: &out}, nil
}

// deleteServiceLinkedRole deletes at once: no service of this plane holds such a role in use. The
// task id names the role, so that its status can be told without keeping tasks.
func (v *service) deleteServiceLinkedRole(ctx context.Context, c *awsapi.Call, in *iamapi.DeleteServiceLinkedRoleInput) (*iamapi.DeleteServiceLinkedRoleOutput, error) {
	var task string
	err := v.directory.Update(ctx, func(tx *directory.Tx) error {
		r, err := v.role(ctx, c, tx.Snapshot, "DeleteServiceLinkedRole", in.RoleName)
		if err != nil {
			return err
		}
		if r.LinkedService == "" {
			return noRole(in.RoleName)
		}
		if count(tx.InstanceProfilesOf(r.ID)) > 0 {
			return iamapi.ErrDeleteConflict("Cannot delete entity, must remove roles from instance profile first.")
		}
		r = r.Clone()
		r.Attached, r.Inline = nil, nil
		task = "task" + r.Path + r.Name + "/" + strings.ToLower(rand.Text())
		if err := tx.Put(r); err != nil {
			return err
		}
		return tx.Delete(r)
	})
	if err != nil {
		return nil, err
	}
	return &iamapi.DeleteServiceLinkedRoleOutput{DeletionTaskId: task}, nil
}

func (v *service) getServiceLinkedRoleDeletionStatus(ctx context.Context, c *awsapi.Call, in *iamapi.GetServiceLinkedRoleDeletionStatusInput) (*iamapi.GetServiceLinkedRoleDeletionStatusOutput, error) {
	// task/aws-service-role/SERVICE/NAME/ID
	parts := strings.Split(in.DeletionTaskId, "/")
	if len(parts) != 5 || parts[0] != "task" || "/"+parts[1]+"/" != linkedPath {
		return nil, iamapi.ErrNoSuchEntity("The deletion task %s cannot be found.", in.DeletionTaskId)
	}
	if err := v.ask(ctx, c, "GetServiceLinkedRoleDeletionStatus", identity.RoleARN(account(c), linkedPath+parts[2]+"/", parts[3])); err != nil {
		return nil, err
	}
	return &iamapi.GetServiceLinkedRoleDeletionStatusOutput{Status: iamapi.DeletionTaskStatusTypeSUCCEEDED}, nil
}
