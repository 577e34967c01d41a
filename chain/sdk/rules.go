package sdk

// The rules of a model. Those that grade a failure are one of
//
//	absent       the source counts as not there
//	error, next  it is there and fails; the stage says whether the search goes on
//	error-final  it fails, and ends every search; a crash or a hang of the program is the same
//	unsaid       it fails, and the SDK says that it found no credentials
//
// and other values are listed at each rule. An empty value is the plain case.

// ProfileRules are how a profile is chosen, and what choosing one switches off.
type ProfileRules struct {
	// Env are the variables that name it, the first that is set counts.
	Env []string
	// EnvRequires names for some of them the variable that must be set besides.
	EnvRequires map[string]string `json:"env_requires"`
	// BlankEnv is literal when a variable that is set and empty names the profile "", else unset.
	BlankEnv string `json:"blank_env"`
	// MissingFromEnv and MissingExplicit grade a profile that does not exist, named by a variable or in code.
	// MissingExemptEnv are variables to which that does not apply.
	MissingFromEnv   string   `json:"missing_from_env"`
	MissingExplicit  string   `json:"missing_explicit"`
	MissingExemptEnv []string `json:"missing_exempt_env"`
	// EnvProfileDisables are stages that are not asked when a variable names a profile.
	EnvProfileDisables []string `json:"env_profile_disables"`
	// ExplicitProfile is what a profile named in code does: disables (the stages of ExplicitProfileDisables are not asked),
	// single-provider (nothing else is asked), first (it is asked before all), file-only and no-effect (all stages are asked).
	ExplicitProfile         string   `json:"explicit_profile"`
	ExplicitProfileDisables []string `json:"explicit_profile_disables"`
}

// FileRules are where the two files are.
type FileRules struct {
	NoConfig      bool `json:"no_config"`
	NoCredentials bool `json:"no_credentials"`
	// ConfigEnv and CredentialsEnv are the variables that name the files; the others must be set besides.
	ConfigEnv                 string `json:"config_env"`
	ConfigRequiresEnv         string `json:"config_requires_env"`
	CredentialsEnv            string `json:"credentials_env"`
	CredentialsEnvRequiresEnv string `json:"credentials_env_requires_env"`
	// KeysWithoutLoad are the settings, besides static keys, that count while the config file is not asked for.
	// Empty means all.
	KeysWithoutLoad []string `json:"keys_without_load"`
	// Directory is what a folder in a file's place does: error, next (both files count for nothing), else it is no file.
	Directory string
	// MissingConfig is error-if-enabled when the config file, once asked for, must be there.
	MissingConfig string `json:"missing_config"`
	ExpandEnv     bool   `json:"expand_env"`
	Tilde         bool
}

// ParserRules are the dialect of the files.
type ParserRules struct {
	// BlankValue is absent when a key without a value counts as not there, else empty.
	BlankValue string `json:"blank_value"`
	// BOM is what a byte order mark does: error, header-error (if a header follows), section-lost (the first section is not read)
	// or ok.
	BOM string `json:"bom"`
	// ConfigPrefix is optional when [x] in the config file is a profile, else required.
	ConfigPrefix string `json:"config_prefix"`
	// Continuation is what an indented line without a separator does: append, drop or error. With ContinuationWhen
	// deeper-indent every line that is indented deeper than the key before is one.
	Continuation     string
	ContinuationWhen string `json:"continuation_when"`
	// CredentialsNames is no-whitespace when other headers of the credentials file are skipped; CredentialsPrefix is strip when
	// [profile x] there means x.
	CredentialsNames  string `json:"credentials_names"`
	CredentialsPrefix string `json:"credentials_prefix"`
	// DefaultConflict is which of [default] and [profile default] counts: profile-default, default, last or error (so for
	// every other profile that is there with and without the prefix).
	DefaultConflict string `json:"default_conflict"`
	// DefaultUpper is leaks when the keys of [DEFAULT] are those of every section.
	DefaultUpper string `json:"default_upper"`
	// DuplicateKey is last or error; DuplicateSection merge, last or error.
	DuplicateKey     string `json:"duplicate_key"`
	DuplicateSection string `json:"duplicate_section"`
	// GarbageLine is ignore or error. BrokenLine is error when a header without its end, a line that begins with the separator, and
	// a comment in a value's place are one all the same. Outside is ok when settings before the first header do no harm where garbage does.
	GarbageLine string `json:"garbage_line"`
	BrokenLine  string `json:"broken_line"`
	Outside     string
	// Nested is keys when the lines of a nested block are settings as others are.
	Nested string
	// HeaderInnerSpaces is trim or literal; HeaderWhitespace is what may follow "profile": any, single-space or single-ws.
	HeaderInnerSpaces string `json:"header_inner_spaces"`
	HeaderWhitespace  string `json:"header_whitespace"`
	// InlineComments are the marks that end a value, with the blank before them.
	InlineComments []string `json:"inline_comments"`
	// KeyCase is insensitive or sensitive.
	KeyCase string `json:"key_case"`
	// NamesRE is what a profile's name must match; empty is anything.
	NamesRE string `json:"names_re"`
	// OrphanIndent is error when the first key of a section must not be indented, else key.
	OrphanIndent string `json:"orphan_indent"`
	// ParseError is abort when a file that cannot be read ends the search, whatever comes first.
	ParseError string `json:"parse_error"`
	// QuotedNames is what quotes around a profile's name do: literal, strip or shlex (as a shell reads them).
	QuotedNames string `json:"quoted_names"`
	Separators  string
	// Quotes are those that are taken from around a value.
	Quotes string
}

// EnvRules are the variables with keys.
type EnvRules struct {
	AccessKey []string `json:"access_key"`
	SecretKey []string `json:"secret_key"`
	// AKIDWithoutSecret and SecretWithoutAKID are what half a pair does: absent, error or accepted-anonymous.
	AKIDWithoutSecret string `json:"akid_without_secret"`
	SecretWithoutAKID string `json:"secret_without_akid"`
	// ExpirationEnv is the variable with the time after which the keys fail.
	ExpirationEnv string `json:"expiration_env"`
	Trim          bool
	// NeedsToken says that keys without a session token are passed over.
	NeedsToken bool `json:"needs_token"`
}

// StaticRules are keys in a profile.
type StaticRules struct {
	// BlankSecret is valid or absent.
	BlankSecret string `json:"blank_secret"`
	// Partial grades half a pair; SecretOnly is error when a secret without a key id is half a pair, too.
	Partial    string
	SecretOnly string `json:"secret_only"`
}

// RoleRules are profiles that assume a role.
type RoleRules struct {
	Supported bool
	// Mode is step (a role is one of the kinds of a profile) or wrap (a base is picked first, and the profile's role
	// assumed with it).
	Mode string
	// UnlessWebID says that a profile with web_identity_token_file assumes no role.
	UnlessWebID bool `json:"unless_webid"`
	// Unmerged says that one of the files must have all settings of the role.
	Unmerged bool
	// BlankARN is used when a blank role_arn is one all the same.
	BlankARN string `json:"blank_arn"`
	// BothSources is what source_profile with credential_source does: error, not-a-role or source-only.
	BothSources string `json:"both_sources"`
	// NoSource and SourceWithoutRoleARN grade a role without a source and the reverse.
	NoSource             string `json:"no_source"`
	SourceWithoutRoleARN string `json:"source_without_role_arn"`
	// CredentialSources are the values of credential_source that are known.
	CredentialSources       []string `json:"credential_sources"`
	CredentialSourceAnyCase bool     `json:"credential_source_any_case"`
	// SourceSources are the kinds of a source profile in order. SourceOrder, where there is one, replaces it: there, a source
	// profile with static keys has no role, whatever it says.
	SourceOrder   []string `json:"source_order"`
	SourceSources []string `json:"source_sources"`
	// SourceStatic is where static keys of a source profile come: first, role-first, wrap-static or wrap-source.
	SourceStatic string `json:"source_static"`
	// Loop grades a profile that is its own source in the end, crash is one that ends the program.
	Loop string
	// MFA grades a role with mfa_serial while nobody can be asked; ignored assumes it without.
	MFA string
	// DurationInvalid is error when duration_seconds must be a number.
	DurationInvalid string `json:"duration_invalid"`
	// RegionEnv are the variables with the region, if not AWS_REGION and AWS_DEFAULT_REGION. NoRegion is what calling STS
	// without a region does: error, error-unless-endpoint, else a region is known.
	RegionEnv []string `json:"region_env"`
	NoRegion  string   `json:"no_region"`
	// ChecksLengths says that the SDK itself refuses a role_arn, role_session_name or external_id that is too short.
	ChecksLengths bool `json:"checks_lengths"`
	// NamedIMDSMustBe says that, in the mode wrap, Ec2InstanceMetadata without an instance is an error, and not
	// "no credentials"; NamedContainerRelative that EcsContainer needs a relative URI.
	NamedIMDSMustBe        bool `json:"named_imds_must_be"`
	NamedContainerRelative bool `json:"named_container_relative"`
	// NamedIMDSIsRemote says that Ec2InstanceMetadata means a container endpoint where there is one.
	NamedIMDSIsRemote bool `json:"named_imds_is_remote"`
	// ChecksSSOSession says that no call of STS succeeds while the profile names an sso-session that is not there, since the
	// SDK looks for a bearer token first.
	ChecksSSOSession bool `json:"checks_sso_session"`
}

// WebIDRules are tokens of a web identity.
type WebIDRules struct {
	Supported bool
	// EnvOnly says that profiles cannot name a token.
	EnvOnly bool `json:"env_only"`
	// ProfileEnv are the variables under whose profile the settings are looked up, if not under the chosen one.
	ProfileEnv []string `json:"profile_env"`
	// PerKeyEnvOrProfile says that each setting comes from the environment or else from the profile.
	PerKeyEnvOrProfile    bool   `json:"per_key_env_or_profile"`
	EnvMissingRoleARN     string `json:"env_missing_role_arn"`
	ProfileMissingRoleARN string `json:"profile_missing_role_arn"`
	MissingFile           string `json:"missing_file"`
	// FollowsSources says that a profile without a token takes that of its source_profile.
	FollowsSources bool   `json:"follows_sources"`
	NoRegion       string `json:"no_region"`
}

// SSORules are profiles of IAM Identity Center.
type SSORules struct {
	Supported       bool
	NoSessions      bool `json:"no_sessions"`
	NeedsConfigFile bool `json:"needs_config_file"`
	// TriggerAny are settings of which one, TriggerAll those of which all make a profile one of SSO.
	TriggerAny []string `json:"trigger_any"`
	TriggerAll []string `json:"trigger_all"`
	// AccountOptionalWithSession says that sso_session without account and role is asked for all the same.
	AccountOptionalWithSession bool `json:"account_optional_with_session"`
	Incomplete                 string
	MissingSession             string `json:"missing_session"`
	// SessionValuesOnly says that start URL and region of the profile do not make up for those that the sso-session lacks.
	SessionValuesOnly bool `json:"session_values_only"`
	// SessionNeedsPlainPath says that no sso-session is found while the config file is named with a tilde.
	SessionNeedsPlainPath bool `json:"session_needs_plain_path"`
	// SessionFromConfig says that sso_session in the credentials file leads nowhere.
	SessionFromConfig bool `json:"session_from_config"`
	// SessionConflict is error when profile and sso-session must say the same, profile-wins when they need not.
	SessionConflict string `json:"session_conflict"`
	TokenMissing    string `json:"token_missing"`
	TokenExpired    string `json:"token_expired"`
	// MinTokenLeftS are the seconds that a cached token of no sso-session must still be valid.
	MinTokenLeftS int `json:"min_token_left_s"`
}

// LoginRules are profiles of `aws login`.
type LoginRules struct {
	Supported bool
	// Requires is what has to be installed besides, and usually is not.
	Requires     string
	TokenMissing string `json:"token_missing"`
}

// ProcessRules are commands that print credentials.
type ProcessRules struct {
	Supported bool
	// Shell says that a shell runs the command; else it is split as a shell would, or with Split whitespace at blanks.
	Shell   bool
	Split   string
	MinArgs int `json:"min_args"`
	// QuotedFirstArg is breaks when a command that begins with a quote cannot be run.
	QuotedFirstArg  string `json:"quoted_first_arg"`
	VersionRequired bool   `json:"version_required"`
	// Expired, BlankSecret and MissingSecret are ok where that is taken.
	Expired       string
	BlankSecret   string `json:"blank_secret"`
	MissingSecret string `json:"missing_secret"`
}

// ContainerRules are the endpoint of ECS, EKS and agents.
type ContainerRules struct {
	// Order is which of the variables counts first: relative, full.
	Order []string
	// Blank is what a variable that is set and empty does: unset, set or set-fails.
	Blank string
	// RelativeWithoutSlash is add or ok where a relative URI needs no slash.
	RelativeWithoutSlash string `json:"relative_without_slash"`
	// HTTPHosts may be asked without TLS; loopback and * stand for several.
	HTTPHosts              []string `json:"http_hosts"`
	HTTPHostsWithTokenFile []string `json:"http_hosts_with_token_file"`
	// Requires are the fields that the answer must have.
	Requires []string
	// TokenPrecedence is file, or env when the variable counts before the file.
	TokenPrecedence string `json:"token_precedence"`
	// TokenOnRelative is what goes with a relative URI: variable-only, with-file (nothing unless there is a file),
	// else what goes with a full one.
	TokenOnRelative string `json:"token_on_relative"`
	// BadHost, Failure (no answer, or no success) and TokenNewline (in the variable) grade what can go wrong.
	BadHost string `json:"bad_host"`
	Failure string
	// FailureElsewhere grades instead of Failure what goes wrong at a full URI other than of localhost.
	FailureElsewhere string `json:"failure_elsewhere"`
	TokenNewline     string `json:"token_newline"`
	// TokenFileMissing grades, and TokenFileNewline besides is strip, retry-without-token or crlf-only-error.
	TokenFileMissing string `json:"token_file_missing"`
	TokenFileNewline string `json:"token_file_newline"`
}

// IMDSRules are the instance metadata service.
type IMDSRules struct {
	// DisabledWhen is which value of AWS_EC2_METADATA_DISABLED switches it off: true-ci (in any case), not-empty-not-false,
	// non-empty, not-unset-not-false or never.
	DisabledWhen string `json:"disabled_when"`
	// NamedIgnoresDisabled says that the switch is not looked at for a credential_source.
	NamedIgnoresDisabled bool   `json:"named_ignores_disabled"`
	EndpointEnv          string `json:"endpoint_env"`
	// Put400 grades the status 400 for a token. V1FallbackOn are the other answers ("403", …, "timeout") after which
	// version 1 is asked, unless one of the variables V1Disable is true; TokenRefused (absent if empty) and TokenTimeout grade
	// those after which it is not.
	Put400       string   `json:"put_400"`
	TokenRefused string   `json:"token_refused"`
	TokenTimeout string   `json:"token_timeout"`
	V1Fallback   bool     `json:"v1_fallback"`
	V1FallbackOn []string `json:"v1_fallback_on"`
	V1Disable    []string `json:"v1_disable"`
	// Expired is hang when expired credentials are asked for again for ever. FailureCode grades an answer that is no success,
	// BadJSON (absent if empty) one that is no JSON.
	Expired     string
	FailureCode string `json:"failure_code"`
	BadJSON     string `json:"bad_json"`
}
