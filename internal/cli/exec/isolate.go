package exec

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rolecall-dev/rolecall/awsconfig"
	"github.com/rolecall-dev/rolecall/chain"
	"github.com/rolecall-dev/rolecall/internal/cli/cmdutil"
)

// isolate makes the shared files harmless for the command: every SDK looks at the [default] profile
// before it asks a container endpoint, so credentials there would win. The command gets a copy of the
// config file in which [default] has the settings of the chosen profile and no credentials, and an
// empty credentials file. No secret is copied. Where the files are harmless as they are, nothing is
// made and dir is "".
func isolate(c *chain.Chain, f *cmdutil.Factory) (dir string, env []string, err error) {
	config := c.Config()
	standard, chosen := config.Profile("default"), config.Profile(c.Profile())
	if chosen == nil {
		chosen = standard
	}
	if !yields(standard) && (chosen == standard || !hasSettings(chosen)) {
		return "", nil, nil
	}
	text, err := harmless(config, chosen, c.Paths().Config)
	if err != nil {
		return "", nil, fmt.Errorf("preparing a config file for the command: %w", err)
	}
	parent := f.Getenv("XDG_RUNTIME_DIR")
	if info, statErr := os.Stat(parent); statErr != nil || !info.IsDir() {
		parent = ""
	}
	if dir, err = os.MkdirTemp(parent, "rolecall-exec-"); err != nil {
		return "", nil, fmt.Errorf("preparing a config file for the command: %w", err)
	}
	configFile, credentialsFile := filepath.Join(dir, "config"), filepath.Join(dir, "credentials")
	err = errors.Join(os.WriteFile(configFile, text, 0o600), os.WriteFile(credentialsFile, nil, 0o600))
	if err != nil {
		return "", nil, errors.Join(fmt.Errorf("preparing a config file for the command: %w", err), os.RemoveAll(dir))
	}
	return dir, []string{"AWS_CONFIG_FILE=" + configFile, "AWS_SHARED_CREDENTIALS_FILE=" + credentialsFile}, nil
}

// credentialKey tells the settings that are, or lead to, credentials.
func credentialKey(key string) bool {
	return secretKey(key) || strings.HasPrefix(key, "sso_") || slices.Contains([]string{
		"role_arn", "source_profile", "credential_source", "external_id", "mfa_serial", "role_session_name",
		"duration_seconds", "web_identity_token_file", "credential_process", "login_session",
		"saml_process", "saml_provider_arn", "mfa_process", "mfa_devices", "source_identity", "session_policy", "session_policy_arns",
		"session_tags", "transitive_session_tags",
	}, key)
}

func secretKey(key string) bool {
	return slices.Contains([]string{"aws_access_key_id", "aws_secret_access_key", "aws_session_token", "aws_security_token"}, key)
}

// yields reports whether an SDK would get credentials from p, or fail trying.
func yields(p *awsconfig.Profile) bool {
	return p != nil && slices.ContainsFunc(p.Keys(), credentialKey)
}

// hasSettings reports whether p says anything else that the command should know; the region goes by
// a variable.
func hasSettings(p *awsconfig.Profile) bool {
	return p != nil && slices.ContainsFunc(p.Keys(), func(k string) bool { return !credentialKey(k) && k != "region" })
}

func harmless(config *awsconfig.Config, chosen *awsconfig.Profile, path string) ([]byte, error) {
	f := config.Config
	if f == nil {
		f = awsconfig.Parse(path, awsconfig.ConfigKind, nil)
	}
	var err error
	for _, s := range slices.Clone(f.Sections) {
		if s.Type != awsconfig.ProfileSection {
			continue
		}
		for _, setting := range s.Settings() {
			// Other profiles keep the ways to credentials, so that the command may choose one by
			// name, but not keys: those are in no copy.
			if secretKey(setting.Key) || s.Name == "default" && (credentialKey(setting.Key) || chosen != nil && chosen.Name != "default") {
				if f, err = f.Unset(awsconfig.Header{Type: s.Type, Name: s.Name}, setting.Key); err != nil {
					return nil, err
				}
			}
		}
	}
	if chosen == nil {
		return f.Bytes(), nil
	}
	for _, key := range chosen.Keys() {
		if credentialKey(key) {
			continue
		}
		setting, _ := chosen.Get(key)
		if f, err = f.Put(awsconfig.Header{Type: awsconfig.ProfileSection, Name: "default"}, setting); err != nil {
			return nil, err
		}
	}
	return f.Bytes(), nil
}
