package explain

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// unknownValue stands for a value that the file only refers to. Its blanks keep it from being taken for a key.
func unknownValue(where string) string { return "a value of " + where }

const imageNote = "what the image itself sets is not known: variables, and files such as ~/.aws/config"

// fromEnvFile reads "NAME=value" lines, as docker, compose and systemd do where they agree.
func fromEnvFile(text []byte) ([]workload, error) {
	w := workload{env: map[string]string{}, notes: []string{imageNote}}
	quoted := false
	for i, line := range strings.Split(strings.TrimPrefix(string(text), "\ufeff"), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		line = strings.TrimPrefix(line, "export ")
		name, value, ok := strings.Cut(line, "=")
		name = strings.TrimSpace(name)
		switch {
		case !isVariable(name):
			return nil, fmt.Errorf("line %d: expected NAME=value", i+1)
		case strings.ContainsRune(value, 0):
			return nil, fmt.Errorf("line %d: control character U+0000 in %s", i+1, name)
		case !ok:
			w.notes = append(w.notes, fmt.Sprintf("line %d: %s has no value: docker takes the one of its caller, others none", i+1, name))
			continue
		}
		if n := len(value); n >= 2 && (value[0] == '"' || value[0] == '\'') && value[n-1] == value[0] {
			value, quoted = value[1:n-1], quoted || strings.HasPrefix(name, "AWS_")
		}
		w.env[name] = value
	}
	if quoted {
		w.notes = append(w.notes, "values are in quotes: compose and systemd remove them, `docker run --env-file` makes them part of the value")
	}
	return []workload{w}, nil
}

// isVariable reports names that a program's environment can have, with the dots and dashes that docker takes.
func isVariable(name string) bool {
	for i, r := range name {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || (r < '0' || r > '9') && r != '.' && r != '-') {
			return false
		}
	}
	return name != ""
}

type taskDefinition struct {
	TaskRoleArn, ExecutionRoleArn, NetworkMode string
	RequiresCompatibilities                    []string
	ContainerDefinitions                       []struct {
		Name             string
		Environment      []struct{ Name, Value string }
		Secrets          []struct{ Name, ValueFrom string }
		EnvironmentFiles []struct{ Value, Type string }
	}
}

// fromTaskDefinition reads the JSON of register-task-definition and describe-task-definition.
func fromTaskDefinition(text []byte) ([]workload, error) {
	var d struct {
		taskDefinition
		TaskDefinition *taskDefinition
	}
	if err := json.Unmarshal(text, &d); err != nil {
		return nil, jsonError(err)
	}
	t := &d.taskDefinition
	if d.TaskDefinition != nil {
		t = d.TaskDefinition
	}
	if len(t.ContainerDefinitions) == 0 {
		return nil, errNoContainers
	}
	var out []workload
	for _, c := range t.ContainerDefinitions {
		w := workload{name: c.Name, env: map[string]string{}, notes: []string{imageNote}}
		if t.TaskRoleArn != "" {
			w.env["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = "/v2/credentials/task"
			w.container = &source{fromContainer, "a task role", "the task role", false}
		} else if t.ExecutionRoleArn != "" {
			w.notes = append(w.notes, "executionRoleArn is for the ECS agent: the containers do not get it; set taskRoleArn")
		}
		// The instance's role is within reach of containers that run on instances.
		if w.imds = !slices.Contains(t.RequiresCompatibilities, "FARGATE"); w.imds {
			w.notes = append(w.notes, "on EC2 instances the instance role is within reach, unless the agent blocks it (ECS_AWSVPC_BLOCK_IMDS, hop limit)")
		}
		for _, e := range c.EnvironmentFiles {
			w.notes = append(w.notes, "environmentFiles: what "+e.Value+" sets is not known")
		}
		for _, e := range c.Environment {
			w.env[e.Name] = e.Value
		}
		for _, s := range c.Secrets {
			w.env[s.Name] = unknownValue("secret " + s.ValueFrom)
		}
		out = append(out, w)
	}
	return out, nil
}

type functionConfig struct {
	FunctionName, Role string
	Environment        struct{ Variables map[string]string }
	SnapStart          struct{ ApplyOn, OptimizationStatus string }
}

// fromFunctionConfig reads the JSON of get-function-configuration, get-function and create-function.
func fromFunctionConfig(text []byte) ([]workload, error) {
	var d struct {
		functionConfig
		Configuration *functionConfig
	}
	if err := json.Unmarshal(text, &d); err != nil {
		return nil, jsonError(err)
	}
	c := &d.functionConfig
	if d.Configuration != nil {
		c = d.Configuration
	}
	if c.Role == "" && c.FunctionName == "" {
		return nil, errors.New("the file is no function configuration: it has neither Role nor FunctionName")
	}
	w := workload{name: c.FunctionName, env: map[string]string{"AWS_REGION": "the function's"}}
	reserved := []string{"AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION"}
	names := make([]string, 0, len(c.Environment.Variables))
	for name := range c.Environment.Variables {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if slices.Contains(reserved, name) {
			w.notes = append(w.notes, name+" is reserved: Lambda refuses a configuration that sets it")
			continue
		}
		w.env[name] = c.Environment.Variables[name]
	}
	role := source{"", "the execution role", "the execution role", false}
	switch {
	case c.Role == "":
		w.notes = append(w.notes, "the file names no Role: Lambda needs one")
	case c.SnapStart.ApplyOn == "PublishedVersions":
		role.kind, w.container = fromContainer, &role
		w.env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://127.0.0.1:9001/credentials"
		w.notes = append(w.notes, "SnapStart: published versions get the role by the container endpoint instead of variables")
	default:
		role.kind, w.variables = fromVariables, &role
		for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"} {
			w.env[name] = "execution role " + c.Role
		}
	}
	return []workload{w}, nil
}

// jsonError tells the place without the text, which may be a secret.
func jsonError(err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Errorf("no JSON: error at byte %d", syntax.Offset)
	}
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		field := kind.Field
		if field == "" {
			field = "the document"
		}
		found, _, _ := strings.Cut(kind.Value, " ")
		return fmt.Errorf("%s is of type %s, which it cannot be", field, found)
	}
	return errors.New("no JSON")
}
