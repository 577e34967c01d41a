// Command gen writes the operations, structures and constraints of AWS services from the trimmed models in
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
	// quiet: see awsapi.Model.
	quiet bool
	// without are operations that the plane does not serve: they have a name and no code.
	without []string
}

func services() []service {
	return []service{
		{model: "sts", version: "2011-06-15", pkg: "stsapi", signing: "sts"},
		{model: "iam", version: "2010-05-08", pkg: "iamapi", signing: "iam", quiet: true, without: []string{
			// Role templates and the properties of Role Manager belong to AWS's own services.
			"AcquireRole", "GetRoleTemplateVersion", "GetAccountProperties", "PutAccountProperties",
			// Delegation requests are answered by people in AWS's console.
			"AcceptDelegationRequest", "AssociateDelegationRequest", "CreateDelegationRequest", "GetDelegationRequest",
			"GetHumanReadableSummary", "ListDelegationRequests", "RejectDelegationRequest", "SendDelegationToken",
			"UpdateDelegationRequest",
			// The plane has no AWS Organizations.
			"DisableOrganizationsRootCredentialsManagement", "DisableOrganizationsRootSessions",
			"EnableOrganizationsRootCredentialsManagement", "EnableOrganizationsRootSessions", "ListOrganizationsFeatures",
			"GenerateOrganizationsAccessReport", "GetOrganizationsAccessReport",
			// CodeCommit, Keyspaces and Bedrock, which take these credentials, are not here.
			"CreateServiceSpecificCredential", "DeleteServiceSpecificCredential", "ListServiceSpecificCredentials",
			"ResetServiceSpecificCredential", "UpdateServiceSpecificCredential",
			"DeleteSSHPublicKey", "GetSSHPublicKey", "ListSSHPublicKeys", "UpdateSSHPublicKey", "UploadSSHPublicKey",
		}},
		{model: "sso", version: "2019-06-10", pkg: "ssoapi", signing: "sso"},
		{model: "sso-oidc", version: "2019-06-10", pkg: "oidcapi", signing: "sso-oauth"},
		{model: "rolesanywhere", version: "2018-05-10", signing: "rolesanywhere"},
		{model: "signin", version: "2023-01-01", signing: "signin"},
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
