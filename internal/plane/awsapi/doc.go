// Package awsapi is the wire of the plane: it turns HTTP requests in AWS's protocols (query/XML,
// JSON 1.0 and 1.1, REST-JSON) into typed inputs that satisfy the constraints of AWS's
// service models, and typed outputs and errors back into answers.
//
// Structures and constraints of each service are generated from the models in models/ into the
// packages beside this one (stsapi, iamapi, …). A service only writes its operations:
//
//	s := awsapi.NewService(&stsapi.Model, awsapi.Options{})
//	awsapi.Handle(s, stsapi.AssumeRole, func(ctx context.Context, c *awsapi.Call, in *stsapi.AssumeRoleInput) (*stsapi.AssumeRoleOutput, error) { … })
//
// A server asks [Service.Match] which operation a request is for, then authenticates, then calls
// [Service.Serve]; failures in between go out through [Service.WriteError] in the protocol's shape.
//
// The package knows no service, no policy and no storage.
package awsapi

//go:generate go run ./gen
