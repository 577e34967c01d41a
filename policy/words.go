package policy

// words are the messages with which AWS refuses a document. IAM words them one way for permissions policies, and
// another way, shared with S3 and others, for trust and resource policies.
//
// Collected from recorded answers of IAM and S3 in public test suites and bug reports.
type words struct {
	code         string
	json         string
	syntax       string
	unknown      string // the element's name follows
	version      string
	noStatement  string
	noEffect     string
	noAction     string
	badAction    string
	noResource   string
	badResource  string
	duplicateSid string
	oldLanguage  string
	legacy       string
}

func wordsOf(k Kind) words {
	switch k {
	case Trust:
		return words{
			code: codeDocument, json: "This policy contains invalid Json", syntax: "Syntax errors in policy.", unknown: "Unknown field ",
			version:      "The policy must contain a valid version string",
			noStatement:  "Could not parse the policy: Statement is empty!",
			noEffect:     "Missing required field Effect",
			noAction:     "Missing required field Action",
			badAction:    "AssumeRole policy may only specify STS AssumeRole actions.",
			duplicateSid: "The Statement Ids in the policy are not unique",
		}
	case Resource:
		w := resourceWords()
		w.code, w.json = codePolicy, "Policies must be valid JSON and the first byte must be '{'"
		return w
	case KeyPolicy, RCP:
		return resourceWords()
	case Session:
		w := identityWords()
		w.json = "The policy is not in the valid JSON format."
		return w
	case Identity, Managed, Boundary, SCP:
	}
	return identityWords()
}

func identityWords() words {
	return words{
		code: codeDocument, json: "Syntax errors in policy.", syntax: "Syntax errors in policy.",
		version: "Syntax errors in policy.", noStatement: "Syntax errors in policy.", noEffect: "Syntax errors in policy.",
		noAction:     "Policy statement must contain actions.",
		noResource:   "Policy statement must contain resources.",
		duplicateSid: "Statement IDs (SID) in a single policy must be unique.",
		oldLanguage:  "Policy document must be version 2012-10-17 or greater.",
		legacy:       "The policy failed legacy parsing",
	}
}

func resourceWords() words {
	return words{
		code: codeDocument, json: "This policy contains invalid Json", syntax: "Syntax errors in policy.", unknown: "Unknown field ",
		version:      "The policy must contain a valid version string",
		noStatement:  "Could not parse the policy: Statement is empty!",
		noEffect:     "Missing required field Effect",
		noAction:     "Missing required field Action",
		badAction:    "Policy has invalid action",
		noResource:   "Missing required field Resource",
		badResource:  "Policy has invalid resource",
		duplicateSid: "The Statement Ids in the policy are not unique",
	}
}
