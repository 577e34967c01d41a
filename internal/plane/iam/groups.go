package iam

import (
	"context"
	"iter"
	"slices"

	"github.com/rolecall-dev/rolecall/internal/directory"
	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi/iamapi"
)

func (v *service) createGroup(ctx context.Context, c *awsapi.Call, in *iamapi.CreateGroupInput) (*iamapi.CreateGroupOutput, error) {
	arn := identity.GroupARN(account(c), orSlash(in.Path), in.GroupName)
	var made *identity.Group
	err := v.directory.Update(ctx, func(tx *directory.Tx) error {
		if err := v.ask(ctx, c, "CreateGroup", arn); err != nil {
			return err
		}
		if tx.Group(account(c), in.GroupName) != nil {
			return iamapi.ErrEntityAlreadyExists("Group with name %s already exists.", in.GroupName)
		}
		if err := room(count(tx.Groups(account(c), "", "")), v.quotas.Groups, "GroupsPerAccount"); err != nil {
			return err
		}
		g, err := identity.NewGroup(account(c), orSlash(in.Path), in.GroupName, c.Time)
		if err != nil {
			return err
		}
		made = g
		return tx.Put(g)
	})
	if err != nil {
		return nil, err
	}
	c.Touched(arn, "AWS::IAM::Group")
	return &iamapi.CreateGroupOutput{Group: new(groupOut(made))}, nil
}

func (v *service) getGroup(ctx context.Context, c *awsapi.Call, in *iamapi.GetGroupInput) (*iamapi.GetGroupOutput, error) {
	s := v.directory.Snapshot()
	g, err := v.group(ctx, c, s, "GetGroup", in.GroupName)
	if err != nil {
		return nil, err
	}
	name := func(u *identity.UserEntity) string { return identity.Fold(u.Name) }
	p, err := paginate(in.Marker, in.MaxItems, sequence(s.Members(g.ID), name), name)
	if err != nil {
		return nil, err
	}
	return &iamapi.GetGroupOutput{Group: new(groupOut(g)), Users: mapped(p.items, listedUser), IsTruncated: p.truncated, Marker: p.marker}, nil
}

func (v *service) listGroups(ctx context.Context, c *awsapi.Call, in *iamapi.ListGroupsInput) (*iamapi.ListGroupsOutput, error) {
	if err := v.ask(ctx, c, "ListGroups", identity.GroupARN(account(c), orSlash(in.PathPrefix), "")); err != nil {
		return nil, err
	}
	s := v.directory.Snapshot()
	p, err := paginate(in.Marker, in.MaxItems, func(after string) iter.Seq[*identity.Group] {
		return s.Groups(account(c), value(in.PathPrefix), after)
	}, groupName)
	if err != nil {
		return nil, err
	}
	return &iamapi.ListGroupsOutput{Groups: mapped(p.items, groupOut), IsTruncated: p.truncated, Marker: p.marker}, nil
}

func groupName(g *identity.Group) string { return g.Name }

func (v *service) updateGroup(ctx context.Context, c *awsapi.Call, in *iamapi.UpdateGroupInput) (*iamapi.UpdateGroupOutput, error) {
	return nil, v.changeGroup(ctx, c, "UpdateGroup", in.GroupName, func(tx *directory.Tx, g *identity.Group) error {
		if in.NewPath != nil {
			g.Path = *in.NewPath
		}
		if in.NewGroupName != nil {
			if other := tx.Group(account(c), *in.NewGroupName); other != nil && other.ID != g.ID {
				return iamapi.ErrEntityAlreadyExists("Group with name %s already exists.", *in.NewGroupName)
			}
			g.Name = *in.NewGroupName
		}
		return v.ask(ctx, c, "UpdateGroup", g.ARN())
	})
}

func (v *service) deleteGroup(ctx context.Context, c *awsapi.Call, in *iamapi.DeleteGroupInput) (*iamapi.DeleteGroupOutput, error) {
	return nil, v.directory.Update(ctx, func(tx *directory.Tx) error {
		g, err := v.group(ctx, c, tx.Snapshot, "DeleteGroup", in.GroupName)
		if err != nil {
			return err
		}
		switch {
		case count(tx.Members(g.ID)) > 0:
			return iamapi.ErrDeleteConflict("Cannot delete entity, must remove users from group first.")
		case len(g.Attached) > 0:
			return iamapi.ErrDeleteConflict("Cannot delete entity, must detach all policies first.")
		case len(g.Inline) > 0:
			return iamapi.ErrDeleteConflict("Cannot delete entity, must delete policies first.")
		}
		return tx.Delete(g)
	})
}

func (v *service) addUserToGroup(ctx context.Context, c *awsapi.Call, in *iamapi.AddUserToGroupInput) (*iamapi.AddUserToGroupOutput, error) {
	return nil, v.changeMembership(ctx, c, "AddUserToGroup", in.GroupName, in.UserName, func(g *identity.Group, u *identity.UserEntity) error {
		if slices.Contains(u.GroupIDs, g.ID) {
			return nil
		}
		u.GroupIDs = append(u.GroupIDs, g.ID)
		return room(len(u.GroupIDs)-1, v.quotas.GroupsPerUser, "GroupsPerUser")
	})
}

func (v *service) removeUserFromGroup(ctx context.Context, c *awsapi.Call, in *iamapi.RemoveUserFromGroupInput) (*iamapi.RemoveUserFromGroupOutput, error) {
	return nil, v.changeMembership(ctx, c, "RemoveUserFromGroup", in.GroupName, in.UserName, func(g *identity.Group, u *identity.UserEntity) error {
		u.GroupIDs = slices.DeleteFunc(u.GroupIDs, func(id string) bool { return id == g.ID })
		return nil
	})
}

// changeMembership authorizes on the group, which is the resource of both actions.
func (v *service) changeMembership(ctx context.Context, c *awsapi.Call, action, group, user string, change func(*identity.Group, *identity.UserEntity) error) error {
	return v.directory.Update(ctx, func(tx *directory.Tx) error {
		g, err := v.group(ctx, c, tx.Snapshot, action, group)
		u := tx.User(account(c), user)
		switch {
		case u == nil && (err == nil || tx.Group(account(c), group) == nil && awsapi.AsError(err).Code == "NoSuchEntity"):
			return noUser(user) // the user is missed first
		case err != nil:
			return err
		}
		c.Touched(u.ARN(), "AWS::IAM::User")
		u = u.Clone()
		if err := change(g, u); err != nil {
			return err
		}
		return tx.Put(u)
	})
}

func (v *service) listGroupsForUser(ctx context.Context, c *awsapi.Call, in *iamapi.ListGroupsForUserInput) (*iamapi.ListGroupsForUserOutput, error) {
	s := v.directory.Snapshot()
	u, err := v.user(ctx, c, s, "ListGroupsForUser", in.UserName)
	if err != nil {
		return nil, err
	}
	p, err := paginate(in.Marker, in.MaxItems, sliced(s.GroupsOf(u.ID), groupName), groupName)
	if err != nil {
		return nil, err
	}
	return &iamapi.ListGroupsForUserOutput{Groups: mapped(p.items, groupOut), IsTruncated: p.truncated, Marker: p.marker}, nil
}

// changeGroup finds the group, authorizes, and puts what change made of a copy.
func (v *service) changeGroup(ctx context.Context, c *awsapi.Call, action, name string, change func(*directory.Tx, *identity.Group) error, more ...with) error {
	return v.directory.Update(ctx, func(tx *directory.Tx) error {
		g, err := v.group(ctx, c, tx.Snapshot, action, name, more...)
		if err != nil {
			return err
		}
		g = g.Clone()
		if err := change(tx, g); err != nil {
			return err
		}
		return tx.Put(g)
	})
}
