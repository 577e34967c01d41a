package explain

import (
	"fmt"
	"path"
	"strings"

	"github.com/rolecall-dev/rolecall/internal/yamlx"
)

const (
	irsaAudience  = "sts.amazonaws.com"
	eksAudience   = "pods.eks.amazonaws.com"
	roleArnNote   = "eks.amazonaws.com/role-arn"
	irsaTokenFile = "/var/run/secrets/eks.amazonaws.com/serviceaccount/token" //nolint:gosec // a file's name
)

// maxDocuments bounds what is read of a file; a large cluster's manifest has some thousands.
const maxDocuments = 20_000

// manifest is what the documents of a file say together.
type manifest struct {
	pods []pod
	// roles are the roles of IRSA by service account.
	roles map[string]string
}

type pod struct {
	kind, name string
	spec       *yamlx.Node
}

// fromPod reads Kubernetes manifests, YAML or JSON: pods and all that has a pod template, and the
// annotations of service accounts beside them.
func fromPod(text []byte) ([]workload, error) {
	m := manifest{roles: map[string]string{}}
	all := documents(string(text))
	if len(all) > maxDocuments {
		return nil, fmt.Errorf("the file has more than %d documents", maxDocuments)
	}
	for _, d := range all {
		root, problems := yamlx.Parse([]byte(d.text))
		if root == nil && len(problems) > 0 {
			return nil, fmt.Errorf("line %d: %s", d.line+problems[0].Line, problems[0].Text)
		}
		if root != nil {
			m.add(root)
		}
	}
	var out []workload
	for _, p := range m.pods {
		for _, list := range []string{"initContainers", "containers"} {
			if containers := get(p.spec, list); containers != nil {
				for _, c := range containers.Items {
					out = append(out, m.container(p, c))
				}
			}
		}
	}
	if len(out) == 0 {
		return nil, errNoContainers
	}
	return out, nil
}

type document struct {
	text string
	// line is how many lines come before it.
	line int
}

func documents(text string) []document {
	var out []document
	start, line, from := 0, 0, 0
	for at := 0; at < len(text); {
		end := len(text)
		if i := strings.IndexByte(text[at:], '\n'); i >= 0 {
			end = at + i + 1
		}
		if strings.TrimRight(text[at:end], " \t\r\n") == "---" {
			out = append(out, document{text[start:at], from})
			start, from = end, line+1
		}
		at, line = end, line+1
	}
	return append(out, document{text[start:], from})
}

// get follows keys into mappings; nil when one is not there.
func get(n *yamlx.Node, keys ...string) *yamlx.Node {
	for _, key := range keys {
		var next *yamlx.Node
		if n != nil {
			for _, p := range n.Pairs {
				if p.Key == key {
					next = p.Value
				}
			}
		}
		n = next
	}
	return n
}

func text(n *yamlx.Node, keys ...string) string {
	if n = get(n, keys...); n != nil {
		return n.Value
	}
	return ""
}

func items(n *yamlx.Node, keys ...string) []*yamlx.Node {
	if n = get(n, keys...); n != nil {
		return n.Items
	}
	return nil
}

func (m *manifest) add(n *yamlx.Node) {
	spec := get(n, "spec")
	switch kind := text(n, "kind"); kind {
	case "List":
		for _, item := range items(n, "items") {
			m.add(item)
		}
		return
	case "ServiceAccount":
		m.roles[text(n, "metadata", "name")] = text(n, "metadata", "annotations", roleArnNote)
		return
	case "CronJob":
		spec = get(spec, "jobTemplate", "spec", "template", "spec")
	case "Pod":
	default:
		spec = get(spec, "template", "spec")
	}
	if get(spec, "containers") != nil {
		m.pods = append(m.pods, pod{text(n, "kind"), text(n, "metadata", "name"), spec})
	}
}

func (m *manifest) container(p pod, c *yamlx.Node) workload {
	w := workload{name: p.name + "/" + text(c, "name"), env: map[string]string{}, files: map[string]string{}, notes: []string{imageNote}}
	for _, from := range items(c, "envFrom") {
		for _, kind := range []string{"configMapRef", "secretRef"} {
			if name := text(from, kind, "name"); name != "" {
				w.notes = append(w.notes, fmt.Sprintf("envFrom: what %s %s sets is not known", strings.TrimSuffix(kind, "Ref"), name))
			}
		}
	}
	for _, e := range items(c, "env") {
		name, from := text(e, "name"), get(e, "valueFrom")
		if from == nil {
			w.env[name] = expanded(text(e, "value"), w.env)
			continue
		}
		where := "something else"
		for _, ref := range from.Pairs {
			where = strings.TrimSuffix(strings.TrimSuffix(ref.Key, "Ref"), "Key") + " " + text(ref.Value, "name") + text(ref.Value, "fieldPath")
			if key := text(ref.Value, "key"); key != "" {
				where += "/" + key
			}
		}
		w.env[name] = unknownValue(where)
	}
	audiences := mounts(&w, p.spec, c)
	m.serviceAccount(&w, p, audiences)
	if w.env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] != "" && audiences[eksAudience] {
		w.container = &source{fromContainer, "EKS Pod Identity", "Pod Identity", false}
	}
	if text(p.spec, "hostNetwork") == "true" {
		w.imds = true
		w.notes = append(w.notes, "hostNetwork: the node's instance role is within reach")
	} else {
		w.notes = append(w.notes, "whether the node's instance role is within reach shows the metadata hop limit; --ec2 supposes that it is")
	}
	return w
}

// expanded puts in the variables that came before, as the kubelet does.
func expanded(value string, env map[string]string) string {
	if !strings.Contains(value, "$(") {
		return value
	}
	var pairs []string
	for name, v := range env {
		pairs = append(pairs, "$("+name+")", v)
	}
	return strings.NewReplacer(append(pairs, "$$", "$")...).Replace(value)
}

// mounts adds the token files that volumes project, and returns their audiences.
func mounts(w *workload, spec, c *yamlx.Node) map[string]bool {
	at := map[string]string{}
	for _, m := range items(c, "volumeMounts") {
		at[text(m, "name")] = text(m, "mountPath")
	}
	audiences := map[string]bool{}
	for _, v := range items(spec, "volumes") {
		folder, mounted := at[text(v, "name")]
		if !mounted {
			continue
		}
		for _, s := range items(v, "projected", "sources") {
			if token := get(s, "serviceAccountToken"); token != nil {
				audiences[text(token, "audience")] = true
				w.files[path.Join(folder, text(token, "path"))] = "token"
			}
		}
		for _, kind := range []string{"secret", "configMap", "hostPath"} {
			if get(v, kind) != nil {
				w.notes = append(w.notes, fmt.Sprintf("the files that the %s volume puts in %s are not known", kind, folder))
			}
		}
	}
	return audiences
}

// serviceAccount does what the cluster does for service accounts when a pod is admitted.
func (m *manifest) serviceAccount(w *workload, p pod, audiences map[string]bool) {
	name := text(p.spec, "serviceAccountName")
	if name == "" {
		name = "default"
	}
	role, known := m.roles[name]
	set := w.env["AWS_ROLE_ARN"] != "" || w.env["AWS_WEB_IDENTITY_TOKEN_FILE"] != ""
	switch {
	case role != "" && !set:
		w.env["AWS_ROLE_ARN"], w.env["AWS_WEB_IDENTITY_TOKEN_FILE"] = role, irsaTokenFile
		w.files[irsaTokenFile] = "token"
		w.notes = append(w.notes, "IRSA: service account "+name+" has "+roleArnNote+"; the cluster adds its variables and the token")
	case role != "":
		w.notes = append(w.notes, "IRSA: service account "+name+" has "+roleArnNote+", and the container sets the variables itself: the cluster leaves them")
	case !known && !audiences[irsaAudience] && !audiences[eksAudience]:
		w.notes = append(w.notes, "service account "+name+" is not in the file: IRSA or Pod Identity may add variables when the pod is admitted")
	}
	if file := w.env["AWS_WEB_IDENTITY_TOKEN_FILE"]; file != "" && w.files[file] == "" {
		w.notes = append(w.notes, "AWS_WEB_IDENTITY_TOKEN_FILE: no volume of the file has "+file+"; it is taken to be there")
		w.files[file] = "token"
	}
	if file := w.env["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"]; file != "" && w.files[file] == "" {
		w.notes = append(w.notes, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: no volume of the file has "+file+"; it is taken to be there")
		w.files[file] = "token"
	}
}
