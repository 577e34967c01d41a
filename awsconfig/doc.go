// Package awsconfig reads the AWS shared configuration and credentials files the way the SDKs do,
// and edits them without damage: every line keeps its bytes unless it is the one to change.
//
// It knows the files' grammar and how the two are merged. What the settings mean is chain's work.
package awsconfig
