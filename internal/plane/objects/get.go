package objects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/objects/objectstore"
	"github.com/rolecall-dev/rolecall/internal/plane/objects/s3req"
)

// getObject serves GetObject and HeadObject.
func (x *exchange) getObject(ctx context.Context, head bool) error {
	in, err := x.readRequest(ctx, head)
	if err != nil {
		return err
	}
	o, err := x.openAllowed(ctx, in)
	if err != nil {
		return err
	}
	if o.Body != nil {
		defer func() { _ = o.Body.Close() }()
	}
	status := http.StatusOK
	if in.Range.Set || in.Part > 0 && len(o.PartSizes) > 0 {
		status = http.StatusPartialContent
		x.set("Content-Range", contentRange(o))
	}
	x.objectHeaders(ctx, o, status == http.StatusOK)
	if in.Part > 0 && len(o.PartSizes) > 0 {
		x.set("X-Amz-Mp-Parts-Count", strconv.Itoa(len(o.PartSizes)))
	}
	x.overrides()
	x.empty(status)
	if head {
		return nil
	}
	return x.send(o)
}

// readRequest reads what the headers say of a read.
func (x *exchange) readRequest(ctx context.Context, head bool) (objectstore.Get, error) {
	q := x.req
	in := objectstore.Get{Ref: x.ref(), Part: q.PartNumber, HeadOnly: head}
	if x.sig == nil && hasOverrides(q) {
		return in, invalidRequest("Request specific response headers cannot be used for anonymous GET requests.")
	}
	if err := refuseCustomerKeys(q, ""); err != nil {
		return in, err
	}
	h := x.r.Header
	if len(h["If-Match"])+len(h["If-None-Match"])+len(h["If-Modified-Since"])+len(h["If-Unmodified-Since"]) > 0 {
		in.Conditions = q.Conditions("")
	}
	if v := h["Range"]; len(v) > 0 {
		if in.Part > 0 {
			return in, invalidRequest("Cannot specify both Range header and partNumber query parameter")
		}
		in.Range = s3req.ParseRange(v[0])
		if in.Range.Set && len(h["If-Range"]) > 0 && !x.ifRange(ctx, in) {
			in.Range = objectstore.Range{}
		}
	}
	return in, nil
}

// ifRange reports whether the object is still the one that a client has a part of.
func (x *exchange) ifRange(ctx context.Context, in objectstore.Get) bool {
	in.HeadOnly, in.Range, in.Conditions = true, objectstore.Range{}, objectstore.Conditions{}
	o, err := x.f.store.Get(ctx, in)
	if err != nil {
		return true // the read itself will tell
	}
	v := x.r.Header.Get("If-Range")
	if t, err := http.ParseTime(v); err == nil {
		return o.LastModified.Truncate(time.Second).Equal(t)
	}
	return objectstore.MatchETag(v, o.ETag)
}

// openAllowed opens the object if the caller may read it.
func (x *exchange) openAllowed(ctx context.Context, in objectstore.Get) (*objectstore.Object, error) {
	action, t := s3req.GetObject.Action(in.VersionID != ""), x.here()
	k := x.keys()
	k.Add("s3:VersionId", in.VersionID)
	return x.open(ctx, in, action, t, k)
}

// open asks for action on an object with its tags in the keys, and opens it.
func (x *exchange) open(ctx context.Context, in objectstore.Get, action string, t target, k *s3req.Keys) (*objectstore.Object, error) {
	var o *objectstore.Object
	var err error
	if x.f.local {
		// Opening costs nothing here, and yields the tags of the very version that is read.
		o, err = x.f.store.Get(ctx, in)
		if o != nil {
			k.Tags("s3:ExistingObjectTag/", o.Tags)
		}
	} else if tags, tagsErr := x.tags(ctx, in.Ref); tagsErr == nil {
		k.Tags("s3:ExistingObjectTag/", tags)
	} else if !isMissing(tagsErr) {
		return nil, tagsErr // a condition must not be decided without them
	}
	if denied := x.ask(ctx, action, t, k); denied != nil {
		if o != nil && o.Body != nil {
			_ = o.Body.Close()
		}
		return nil, denied
	}
	if !x.f.local {
		o, err = x.f.store.Get(ctx, in)
	}
	if err == nil {
		return o, nil
	}
	if isMissing(err) {
		return nil, x.missing(ctx, t, err)
	}
	if o != nil && errors.Is(err, objectstore.ErrNotModified) {
		x.set("Etag", `"`+o.ETag+`"`)
		x.set("Last-Modified", httpDate(o.LastModified))
		x.setVersion(o.VersionID)
	}
	if o != nil && errors.Is(err, objectstore.ErrInvalidRange) {
		x.set("Content-Range", "bytes */"+strconv.FormatInt(o.Size, 10))
	}
	return nil, err
}

func isMissing(err error) bool {
	return errors.Is(err, objectstore.ErrNoSuchKey) || errors.Is(err, objectstore.ErrNoSuchVersion)
}

func (x *exchange) tags(ctx context.Context, ref objectstore.Ref) ([]identity.Tag, error) {
	s, ok := x.f.store.(objectstore.Tagger)
	if !ok {
		return nil, nil
	}
	_, tags, err := s.Tags(ctx, ref)
	if errors.Is(err, objectstore.ErrUnsupported) {
		return nil, nil // a store without tags has no objects with tags
	}
	return tags, err
}

func contentRange(o *objectstore.Object) string {
	b := make([]byte, 0, 64)
	b = append(b, "bytes "...)
	b = strconv.AppendInt(b, o.Offset, 10)
	b = append(b, '-')
	b = strconv.AppendInt(b, o.Offset+o.Length-1, 10)
	b = append(b, '/')
	return string(strconv.AppendInt(b, o.Size, 10))
}

func (x *exchange) setVersion(id string) {
	if x.bucket.Versioning != identity.VersioningOff {
		x.setNonEmpty("X-Amz-Version-Id", id)
	}
}

// objectHeaders tells what the object is.
func (x *exchange) objectHeaders(ctx context.Context, o *objectstore.Object, whole bool) {
	h := &o.Headers
	if h.ContentType != "" {
		x.set("Content-Type", h.ContentType)
	} else {
		x.set("Content-Type", "binary/octet-stream")
	}
	x.set("Content-Length", strconv.FormatInt(o.Length, 10))
	x.set("Etag", `"`+o.ETag+`"`)
	x.set("Last-Modified", httpDate(o.LastModified))
	x.set("Accept-Ranges", "bytes")
	x.setVersion(o.VersionID)
	if o.Sealed {
		x.set("X-Amz-Server-Side-Encryption", "AES256")
	}
	x.setNonEmpty("Cache-Control", h.CacheControl)
	x.setNonEmpty("Content-Disposition", h.ContentDisposition)
	x.setNonEmpty("Content-Encoding", h.ContentEncoding)
	x.setNonEmpty("Content-Language", h.ContentLanguage)
	x.setNonEmpty("Expires", h.Expires)
	x.setNonEmpty("X-Amz-Website-Redirect-Location", h.WebsiteRedirect)
	for _, m := range o.Meta {
		x.set(http.CanonicalHeaderKey("x-amz-meta-"+m.Name), m.Value)
	}
	if whole && !o.Checksum.IsZero() && strings.EqualFold(x.req.Header("X-Amz-Checksum-Mode"), "ENABLED") {
		x.set(o.Checksum.Algorithm.Header(), o.Checksum.Value)
		x.set("X-Amz-Checksum-Type", string(o.Checksum.Type))
	}
	if len(o.Tags) > 0 {
		k := x.keys()
		k.Tags("s3:ExistingObjectTag/", o.Tags)
		if x.ask(ctx, s3req.GetObjectTagging.Action(x.req.VersionID != ""), x.here(), k) == nil {
			x.set("X-Amz-Tagging-Count", strconv.Itoa(len(o.Tags)))
		}
	}
}

// overridable are the response-… parameters and the headers that they set. Nothing writes to it.
var overridable = [...][2]string{
	{"response-content-type", "Content-Type"}, {"response-content-language", "Content-Language"}, {"response-expires", "Expires"},
	{"response-cache-control", "Cache-Control"}, {"response-content-disposition", "Content-Disposition"},
	{"response-content-encoding", "Content-Encoding"},
}

func hasOverrides(q *s3req.Request) bool {
	for _, o := range overridable {
		if _, ok := q.Lookup(o[0]); ok {
			return true
		}
	}
	return false
}

func (x *exchange) overrides() {
	if x.r.URL.RawQuery == "" {
		return
	}
	for _, o := range overridable {
		if v, ok := x.req.Lookup(o[0]); ok {
			x.set(o[1], headerSafe(v))
		}
	}
}

// headerSafe takes out what would end a header line.
func headerSafe(v string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || r == 0x7f {
			return -1
		}
		return r
	}, v)
}

// send copies the body. What goes wrong now can only be told by breaking the connection off, which
// net/http does when less was written than Content-Length says.
func (x *exchange) send(o *objectstore.Object) error {
	var n int64
	var err error
	if wt, ok := o.Body.(io.WriterTo); ok {
		n, err = wt.WriteTo(x.w) // a copy through ReadFrom would take a buffer for nothing
	} else {
		n, err = io.Copy(x.w, o.Body)
	}
	if err == nil && n == o.Length {
		return nil
	}
	if err == nil {
		err = io.ErrUnexpectedEOF
	}
	if x.r.Context().Err() == nil {
		x.f.logger.Error("s3 object broke off", "request", x.call.RequestID, "sent", n, "length", o.Length, "error", err)
	}
	return fmt.Errorf("%w: %w", errSent, err)
}

// getObjectAttributes serves GetObjectAttributes.
func (x *exchange) getObjectAttributes(ctx context.Context) error {
	if err := refuseCustomerKeys(x.req, ""); err != nil {
		return err
	}
	wanted := map[string]bool{}
	for one := range strings.SplitSeq(strings.Join(x.r.Header.Values("X-Amz-Object-Attributes"), ","), ",") {
		if one = strings.TrimSpace(one); one != "" {
			wanted[one] = true
		}
	}
	if len(wanted) == 0 {
		return invalidArgument("The x-amz-object-attributes header specifying the attributes to be retrieved is either missing or empty")
	}
	k := x.keys()
	k.Add("s3:VersionId", x.req.VersionID)
	action := "s3:GetObjectAttributes"
	if x.req.VersionID != "" {
		action = "s3:GetObjectVersionAttributes"
	}
	if err := x.ask(ctx, action, x.here(), k); err != nil {
		return err
	}
	o, err := x.openAllowed(ctx, objectstore.Get{Ref: x.ref(), HeadOnly: true})
	if err != nil {
		return err
	}
	x.set("Last-Modified", httpDate(o.LastModified))
	x.setVersion(o.VersionID)
	const root = "GetObjectAttributesResponse"
	d := newXML(root, true)
	if wanted["ETag"] {
		d.text("ETag", o.ETag)
	}
	if wanted["Checksum"] && !o.Checksum.IsZero() {
		d.open("Checksum")
		writeChecksum(d, o.Checksum)
		d.close("Checksum")
	}
	if wanted["ObjectParts"] && len(o.PartSizes) > 0 {
		d.open("ObjectParts")
		d.number("PartsCount", int64(len(o.PartSizes)))
		d.close("ObjectParts")
	}
	if wanted["StorageClass"] {
		d.text("StorageClass", "STANDARD")
	}
	if wanted["ObjectSize"] {
		d.number("ObjectSize", o.Size)
	}
	return x.xml(d.end(root))
}
