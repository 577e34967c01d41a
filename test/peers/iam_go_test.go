//go:build peers

package peers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdkiam "github.com/aws/aws-sdk-go-v2/service/iam"
	sdksts "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/rolecall-dev/rolecall/internal/plane/mfa"
	"github.com/rolecall-dev/rolecall/test/kit"
)

// sdkGo calls operations of aws-sdk-go-v2 by their names.
type sdkGo struct {
	plane *kit.Plane
	names map[string]string
}

// unchecked lets input through that the SDK would refuse by itself.
func unchecked(stack *middleware.Stack) error {
	_, _ = stack.Initialize.Remove("OperationInputValidation") // operations that require nothing have none
	return nil
}

var errNotSent = errors.New("not sent")

// wholeAnswers hides the WriteTo of the SDK's request bodies. The SDK closes the body when an answer begins; net/http, which
// may then still be looking for the body's end, takes the io.EOF of WriteTo for a failure, and closes the connection under a
// long answer. The SDK's retries hide this, which are off here.
type wholeAnswers struct{}

func (wholeAnswers) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		r.Body = struct{ io.ReadCloser }{r.Body}
	}
	return http.DefaultClient.Do(r)
}

// unsent ends a call that the SDK's own validation lets through.
func unsent(stack *middleware.Stack) error {
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("unsent", func(context.Context, middleware.InitializeInput, middleware.InitializeHandler) (out middleware.InitializeOutput, meta middleware.Metadata, err error) {
		return out, meta, errNotSent
	}), middleware.After)
}

// requires tells whether the operation has parameters that the SDK does not let the caller leave out.
func (s *sdkGo) requires(ctx context.Context, service, op string) bool {
	_, err := s.with(ctx, unsent, service, op, []byte(`{}`), "AKIA", "none")
	return !errors.Is(err, errNotSent)
}

// call makes the call and returns its output, a pointer to a structure.
func (s *sdkGo) call(ctx context.Context, service, op string, input []byte, id, secret string) (any, error) {
	return s.with(ctx, unchecked, service, op, input, id, secret)
}

func (s *sdkGo) with(ctx context.Context, option func(*middleware.Stack) error, service, op string, input []byte, id, secret string) (any, error) {
	config := aws.Config{
		Region: kit.Region, BaseEndpoint: aws.String(s.plane.Endpoint), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(id, secret, ""),
		APIOptions:  []func(*middleware.Stack) error{option},
		HTTPClient:  wholeAnswers{},
	}
	client := reflect.ValueOf(sdkiam.NewFromConfig(config))
	if service == "sts" {
		client = reflect.ValueOf(sdksts.NewFromConfig(config))
	}
	method := client.MethodByName(op)
	if !method.IsValid() {
		return nil, fmt.Errorf("aws-sdk-go-v2 has no %s", op)
	}
	in := reflect.New(method.Type().In(1).Elem())
	decoder := json.NewDecoder(strings.NewReader(string(input)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(in.Interface()); err != nil {
		return nil, err
	}
	out := method.Call([]reflect.Value{reflect.ValueOf(ctx), in})
	err, _ := out[1].Interface().(error)
	return out[0].Interface(), err
}

var placeholder = regexp.MustCompile(`\$\{([^}]+)\}`)

// resolve puts values for the ${names} of a case's input.
func (s *sdkGo) resolve(t *testing.T, input []byte) []byte {
	t.Helper()
	return placeholder.ReplaceAllFunc(input, func(found []byte) []byte {
		name := string(found[2 : len(found)-1])
		value, ok := s.names[name]
		if offset, totp := strings.CutPrefix(name, "totp:"); totp {
			n, err := strconv.ParseInt(offset, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			if value, err = mfa.Code(s.names["mfa.seed"], time.Now().Unix()/30+n); err != nil {
				t.Fatal(err)
			}
		} else if !ok {
			t.Fatalf("no value for %s", found)
		}
		quoted, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		return quoted[1 : len(quoted)-1]
	})
}

// lookup follows a path of fields, for example "User.Arn", to its text.
func lookup(out any, path string) (string, error) {
	v := reflect.ValueOf(out)
	for name := range strings.SplitSeq(path, ".") {
		v = reflect.Indirect(v)
		if v.Kind() != reflect.Struct || !v.FieldByName(name).IsValid() {
			return "", fmt.Errorf("%T has no %s", out, path)
		}
		v = v.FieldByName(name)
	}
	switch v := reflect.Indirect(v); {
	case !v.IsValid():
		return "", fmt.Errorf("no %s in the answer", path)
	case v.Kind() == reflect.String:
		return v.String(), nil
	default:
		return string(v.Bytes()), nil
	}
}

// empty tells whether the SDK found nothing of the answer, though its type has fields for something.
func empty(out any) bool {
	v := reflect.Indirect(reflect.ValueOf(out))
	fields := 0
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if !f.IsExported() || f.Name == "ResultMetadata" {
			continue
		}
		if fields++; !v.Field(i).IsZero() {
			return false
		}
	}
	return fields > 0
}

func wantCode(t *testing.T, what string, err error, codes, message string) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) || !slices.Contains(strings.Split(codes, "|"), api.ErrorCode()) || !strings.Contains(api.ErrorMessage(), message) {
		t.Errorf("%s: %v, want %s %s", what, err, codes, message)
	}
}

// answersNothing are operations whose answer may be an empty one, of types that have fields.
var answersNothing = []string{"UpdateSAMLProvider"}

// TestIAMGo has aws-sdk-go-v2 call every operation with valid, denied and, where something is required, no input.
func TestIAMGo(t *testing.T) {
	spec := readIAMSpec(t)
	s := &sdkGo{plane: startPlane(t, trustLoopback()...), names: spec.Vars}
	federate(t, s.plane).name(s.names)
	ctx, seen, counts := t.Context(), map[string]bool{}, map[string]int{}
	s.names["root.id"], s.names["root.secret"] = kit.RootKey()
	for _, c := range spec.Cases {
		service, as := c.Service, c.As
		if service == "" {
			service = "iam"
		}
		if as == "" {
			as = "root"
		}
		name := service + ":" + c.Op
		input := s.resolve(t, c.Input)
		id, secret := s.names[as+".id"], s.names[as+".secret"]
		if s.names["nobody.id"] != "" && !c.Last {
			s.denied(ctx, t, service, c, input)
			counts["denied"]++
		}
		if !seen[name] && s.requires(ctx, service, c.Op) {
			_, err := s.call(ctx, service, c.Op, []byte(`{}`), id, secret)
			wantCode(t, name+" without input", err, "ValidationError", "")
			counts["invalid"]++
		}
		out, err := s.call(ctx, service, c.Op, input, id, secret)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		counts["valid"]++
		seen[name] = true
		if empty(out) && !slices.Contains(answersNothing, c.Op) {
			t.Errorf("%s: nothing in the answer, %+v", name, out)
		}
		for save, path := range c.Save {
			if s.names[save], err = lookup(out, path); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if c.Again != "" {
			_, err := s.call(ctx, service, c.Op, input, id, secret)
			wantCode(t, name+" again", err, c.Again, "")
		}
	}
	for service, operations := range spec.Operations {
		for _, op := range operations {
			if !seen[service+":"+op] {
				t.Errorf("%s:%s is served, and iam_cases.json has no case of it", service, op)
			}
		}
	}
	t.Logf("%d operations, %v", len(seen), counts)
}

// denied calls as a user without rights or, where all may call, with a wrong signature.
func (s *sdkGo) denied(ctx context.Context, t *testing.T, service string, c iamCase, input []byte) {
	t.Helper()
	name, id, secret := service+":"+c.Op, s.names["nobody.id"], s.names["nobody.secret"]
	if c.Unsigned != nil {
		var all, other map[string]any
		if err := errors.Join(json.Unmarshal(input, &all), json.Unmarshal(s.resolve(t, c.Unsigned), &other)); err != nil {
			t.Fatal(err)
		}
		maps.Copy(all, other)
		changed, err := json.Marshal(all)
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.call(ctx, service, c.Op, changed, id, secret)
		wantCode(t, name+" denied", err, "AccessDenied", "Not authorized to perform "+name)
		return
	}
	if c.Open {
		_, err := s.call(ctx, service, c.Op, input, id, "wrong")
		wantCode(t, name+" wrongly signed", err, "SignatureDoesNotMatch", "")
		return
	}
	_, err := s.call(ctx, service, c.Op, input, id, secret)
	wantCode(t, name+" denied", err, "AccessDenied", "not authorized to perform: "+name+" ")
	var response *smithyhttp.ResponseError
	if errors.As(err, &response) {
		s.names["denial"] = response.Response.Header.Get("X-Amzn-Encoded-Authorization-Message")
	}
}
