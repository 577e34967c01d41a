module github.com/rolecall-dev/rolecall/bench/peers-policy

go 1.26.0

require (
	github.com/cedar-policy/cedar-go v1.6.1
	github.com/minio/pkg/v3 v3.1.3
	github.com/rolecall-dev/rolecall v0.0.0
)

require (
	github.com/goccy/go-json v0.10.5 // indirect
	github.com/minio/minio-go/v7 v7.0.88 // indirect
	golang.org/x/exp v0.0.0-20260824195058-e88cd73687aa // indirect
)

replace github.com/rolecall-dev/rolecall => ../..
