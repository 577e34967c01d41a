package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
)

// model is what the generator needs of a service-2.json; trimming is reading and writing this type,
// so everything that it does not name (documentation above all) falls away.
type model struct {
	Version    string               `json:"version,omitempty"`
	Metadata   metadata             `json:"metadata"`
	Operations map[string]operation `json:"operations"`
	Shapes     map[string]*shape    `json:"shapes"`
}

type metadata struct {
	APIVersion      string `json:"apiVersion"`
	EndpointPrefix  string `json:"endpointPrefix,omitempty"`
	Protocol        string `json:"protocol"`
	JSONVersion     string `json:"jsonVersion,omitempty"`
	ServiceFullName string `json:"serviceFullName"`
	ServiceID       string `json:"serviceId,omitempty"`
	SigningName     string `json:"signingName,omitempty"`
	TargetPrefix    string `json:"targetPrefix,omitempty"`
	XMLNamespace    string `json:"xmlNamespace,omitempty"`
}

type operation struct {
	Name string `json:"name"`
	HTTP struct {
		Method       string `json:"method"`
		RequestURI   string `json:"requestUri"`
		ResponseCode int    `json:"responseCode,omitempty"`
	} `json:"http"`
	Input    *ref   `json:"input,omitempty"`
	Output   *ref   `json:"output,omitempty"`
	Errors   []*ref `json:"errors,omitempty"`
	AuthType string `json:"authtype,omitempty"`
}

type ref struct {
	Shape           string `json:"shape"`
	ResultWrapper   string `json:"resultWrapper,omitempty"`
	Location        string `json:"location,omitempty"`
	LocationName    string `json:"locationName,omitempty"`
	TimestampFormat string `json:"timestampFormat,omitempty"`
	Sensitive       bool   `json:"sensitive,omitempty"`
	Box             bool   `json:"box,omitempty"`
}

type shape struct {
	Type            string   `json:"type"`
	Required        []string `json:"required,omitempty"`
	Members         members  `json:"members,omitempty"`
	Member          *ref     `json:"member,omitempty"`
	Key             *ref     `json:"key,omitempty"`
	Value           *ref     `json:"value,omitempty"`
	Min             *float64 `json:"min,omitempty"`
	Max             *float64 `json:"max,omitempty"`
	Pattern         string   `json:"pattern,omitempty"`
	Enum            []string `json:"enum,omitempty"`
	Sensitive       bool     `json:"sensitive,omitempty"`
	Flattened       bool     `json:"flattened,omitempty"`
	Payload         string   `json:"payload,omitempty"`
	TimestampFormat string   `json:"timestampFormat,omitempty"`
	Exception       bool     `json:"exception,omitempty"`
	Fault           bool     `json:"fault,omitempty"`
	Error           *struct {
		Code           string `json:"code,omitempty"`
		HTTPStatusCode int    `json:"httpStatusCode,omitempty"`
		SenderFault    bool   `json:"senderFault,omitempty"`
	} `json:"error,omitempty"`
}

func (s *shape) requires(name string) bool {
	for _, r := range s.Required {
		if r == name {
			return true
		}
	}
	return false
}

// members is a JSON object whose order counts: violations and XML elements follow it.
type members []member

type member struct {
	name string
	ref
}

func (m *members) UnmarshalJSON(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	if _, err := d.Token(); err != nil {
		return err
	}
	*m = members{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		var r ref
		if err := d.Decode(&r); err != nil {
			return err
		}
		*m = append(*m, member{fmt.Sprint(key), r})
	}
	return nil
}

func (m members) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, x := range m {
		if i > 0 {
			b.WriteByte(',')
		}
		text, err := json.Marshal(x.ref)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&b, "%q:%s", x.name, text)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func load(path string) (*model, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	var m model
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return &m, nil
}

// trim writes what load understands of the model at from to the file at to. The result depends on
// the input only.
func trim(from, to string) error {
	m, err := load(from)
	if err != nil {
		return err
	}
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := z.Write(text); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return os.WriteFile(to, b.Bytes(), 0o644)
}
