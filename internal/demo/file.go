package demo

import _ "embed"

// File is the demo's rolecall.yaml.
//
//go:embed rolecall.yaml
var File []byte
