package sdk

import "time"

// Situation is a machine as an SDK sees it.
type Situation struct {
	// Env is the environment; HOME is in it.
	Env map[string]string
	// Profile is what is chosen in code or by --profile.
	Profile string
	// NoLoadConfig says that AWS_SDK_LOAD_CONFIG, which two old SDKs ask for, is not to be assumed.
	NoLoadConfig bool `json:"no_load_config"`
	// Files are texts by path, absolute or below HOME. A folder shows by what is in it.
	Files map[string]string
	// IMDS is the instance metadata service, nil for none. Container is the container endpoint.
	IMDS      *IMDS
	Container *Container
	// Without are settings to take as not there.
	Without []Setting `json:"-"`
	// Processes are the answers of commands.
	Processes map[string]Process
	// Real says that this is a machine as it stands: nothing is known of what endpoints and commands
	// would answer, they are taken to work, and what they yield goes by a description instead of a key.
	Real bool `json:"-"`
	// Now is the time for expiries; zero is the present.
	Now time.Time `json:"-"`
	// Texts, if set, remembers the parsed files for further simulations, of this situation or of others.
	Texts *Texts `json:"-"`
}

// IMDS is how the instance metadata service behaves.
type IMDS struct {
	// Put is the answer to the request for a token: nil for a token, a status, or "hang".
	Put                                    any
	V2Only, Expired, Fail, NoRole, BadJSON bool
}

// Container is how the container endpoint behaves.
type Container struct {
	Status int
	// Omit are fields that the answer lacks.
	Omit []string
}

// Process is what a command prints, by how it is started: by a shell, split as a shell would, or split
// at white space.
type Process struct{ Shell, Shlex, Fields *Run }

// Run is one run of a command.
type Run struct {
	RC  int
	Out string
}
