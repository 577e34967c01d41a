// Command gen writes the shapes, constraints and codecs of AWS services from the trimmed models in
// ../models.
//
//	go run ./gen                       # write the packages again
//	go run ./gen -botocore DIR         # first trim DIR's models anew (DIR: an installed botocore)
package main

import (
	"flag"
	"fmt"
	"go/format"
	"log"
	"os"
	"path/filepath"
)

// service is one model and where its code goes.
type service struct {
	model   string // file in models/
	version string // folder in botocore's data
	pkg     string // package, "" to keep only the trimmed model
	signing string // name in credential scopes and actions
}

func services() []service {
	return []service{
		{"sts", "2011-06-15", "stsapi", "sts"},
		{"iam", "2010-05-08", "iamapi", "iam"},
		{"sso", "2019-06-10", "ssoapi", "sso"},
		{"sso-oidc", "2019-06-10", "oidcapi", "sso-oauth"},
		{"rolesanywhere", "2018-05-10", "", "rolesanywhere"},
		{"signin", "2023-01-01", "", "signin"},
	}
}

func main() {
	log.SetFlags(0)
	botocore := flag.String("botocore", "", "trim the models of the botocore package in this folder first")
	root := flag.String("root", ".", "folder of package awsapi")
	flag.Parse()
	if err := run(*root, *botocore); err != nil {
		log.Fatal(err)
	}
}

func run(root, botocore string) error {
	for _, s := range services() {
		path := filepath.Join(root, "models", s.model+".json.gz")
		if botocore != "" {
			source := filepath.Join(botocore, "data", s.model, s.version, "service-2.json.gz")
			if err := trim(source, path); err != nil {
				return err
			}
		}
		if s.pkg == "" {
			continue
		}
		m, err := load(path)
		if err != nil {
			return err
		}
		files, err := generate(m, s)
		if err != nil {
			return fmt.Errorf("%s: %w", s.model, err)
		}
		dir := filepath.Join(root, s.pkg)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		for name, text := range files {
			source, err := format.Source([]byte(text))
			if err != nil {
				return fmt.Errorf("%s/%s: %w\n%s", s.pkg, name, err, text)
			}
			if err := os.WriteFile(filepath.Join(dir, name), source, 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}
