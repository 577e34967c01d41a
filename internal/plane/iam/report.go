package iam

type reports struct{}
