package objects

import (
	"context"
	"encoding/xml"
	"net/http"
	"sync"

	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/objects/objectstore"
	"github.com/rolecall-dev/rolecall/internal/plane/objects/s3req"
)

func (x *exchange) deleteObject(ctx context.Context) error {
	if err := x.allow(ctx); err != nil {
		return err
	}
	done, err := x.f.store.Delete(ctx, objectstore.Delete{
		Ref: x.ref(), Versioning: versioning(x.bucket), IfMatch: x.r.Header.Get("If-Match"),
	})
	if err != nil {
		return err
	}
	x.setVersion(done.VersionID)
	if done.DeleteMarker {
		x.set("X-Amz-Delete-Marker", "true")
	}
	x.empty(http.StatusNoContent)
	return nil
}

// deleteRequest is the body of DeleteObjects.
type deleteRequest struct {
	XMLName xml.Name `xml:"Delete"`
	Quiet   bool     `xml:"Quiet"`
	Objects []struct {
		Key       string `xml:"Key"`
		VersionID string `xml:"VersionId"`
		ETag      string `xml:"ETag"`
	} `xml:"Object"`
}

// deletion is one object of a DeleteObjects and what became of it.
type deletion struct {
	in   objectstore.Delete
	done objectstore.Deleted
	err  error
}

func (x *exchange) deleteObjects(ctx context.Context) error {
	doc, err := x.document(maxDocument)
	if err != nil {
		return err
	}
	var in deleteRequest
	if err := decodeXML(doc, &in); err != nil {
		return err
	}
	if len(in.Objects) == 0 || len(in.Objects) > objectstore.MaxDeleteKeys {
		return malformedXML()
	}
	list := make([]deletion, len(in.Objects))
	for i, o := range in.Objects {
		d := &list[i]
		d.in = objectstore.Delete{
			Ref:        objectstore.Ref{Bucket: storeBucket(x.bucket), Key: o.Key, VersionID: o.VersionID},
			Versioning: versioning(x.bucket), IfMatch: o.ETag,
		}
		if o.Key == "" || len(o.Key) > objectstore.MaxKeyBytes {
			d.err = invalidArgument("The key is empty or too long.")
			continue
		}
		k := x.keys()
		k.Add("s3:VersionId", o.VersionID)
		d.err = x.ask(ctx, s3req.DeleteObject.Action(o.VersionID != ""), target{x.bucket, x.policy, o.Key}, k)
	}
	x.deleteAll(ctx, list)
	return x.deleted(list, in.Quiet)
}

// deleteAll runs the deletions that are allowed, a few at a time so that they share commits; those of
// one key in their order.
func (x *exchange) deleteAll(ctx context.Context, list []deletion) {
	const workers = 16
	byKey := map[string][]*deletion{}
	var order []string
	for i := range list {
		if d := &list[i]; d.err == nil {
			if byKey[d.in.Key] == nil {
				order = append(order, d.in.Key)
			}
			byKey[d.in.Key] = append(byKey[d.in.Key], d)
		}
	}
	var group sync.WaitGroup
	todo := make(chan []*deletion)
	for range min(workers, len(order)) {
		group.Go(func() {
			for one := range todo {
				for _, d := range one {
					d.done, d.err = x.f.store.Delete(ctx, d.in)
				}
			}
		})
	}
	for _, key := range order {
		todo <- byKey[key]
	}
	close(todo)
	group.Wait()
}

func (x *exchange) deleted(list []deletion, quiet bool) error {
	const root = "DeleteResult"
	doc := newXML(root, true)
	for i := range list {
		d := &list[i]
		if d.err == nil {
			if quiet {
				continue
			}
			doc.open("Deleted")
			doc.text("Key", d.in.Key)
			doc.nonEmpty("VersionId", d.in.VersionID)
			if d.done.DeleteMarker {
				doc.bool("DeleteMarker", true)
				doc.text("DeleteMarkerVersionId", d.done.VersionID)
			}
			doc.close("Deleted")
			continue
		}
		e, internal := wire(d.err)
		if internal {
			x.f.logger.Error("s3 deletion failed", "request", x.call.RequestID, "error", d.err)
		}
		doc.open("Error")
		doc.text("Key", d.in.Key)
		doc.nonEmpty("VersionId", d.in.VersionID)
		doc.text("Code", e.Code)
		doc.text("Message", e.Message)
		doc.close("Error")
	}
	return x.xml(doc.end(root))
}

// tagSet is the body of PutObjectTagging and PutBucketTagging.
type tagSet struct {
	XMLName xml.Name `xml:"Tagging"`
	Tags    []struct {
		Key   string `xml:"Key"`
		Value string `xml:"Value"`
	} `xml:"TagSet>Tag"`
}

func (x *exchange) readTags(limit int, what string) ([]identity.Tag, error) {
	doc, err := x.document(128 << 10)
	if err != nil {
		return nil, err
	}
	var in tagSet
	if err := decodeXML(doc, &in); err != nil {
		return nil, err
	}
	tags := make([]identity.Tag, 0, len(in.Tags))
	for _, t := range in.Tags {
		tags = append(tags, identity.Tag{Key: t.Key, Value: t.Value})
	}
	return tags, checkTags(tags, limit, what)
}

func (x *exchange) writeTags(tags []identity.Tag) error {
	doc := newXML("Tagging", true)
	doc.open("TagSet")
	for _, t := range tags {
		doc.open("Tag")
		doc.text("Key", t.Key)
		doc.text("Value", t.Value)
		doc.close("Tag")
	}
	doc.close("TagSet")
	return x.xml(doc.end("Tagging"))
}

// objectTagging serves the three operations on an object's tags.
func (x *exchange) objectTagging(ctx context.Context) error {
	s, ok := x.f.store.(objectstore.Tagger)
	if !ok {
		return objectstore.ErrUnsupported
	}
	k := x.keys()
	k.Add("s3:VersionId", x.req.VersionID)
	id, tags, err := s.Tags(ctx, x.ref())
	k.Tags("s3:ExistingObjectTag/", tags)
	var given []identity.Tag
	if x.req.Op == s3req.PutObjectTagging {
		// The tags are conditions too, so they are read before the question is asked.
		if given, err = x.taggingBody(err); err == nil || isMissing(err) {
			k.Tags("s3:RequestObjectTag/", given)
			k.Values("s3:RequestObjectTagKeys", tagKeys(given))
		}
	}
	if denied := x.ask(ctx, x.req.Action(), x.here(), k); denied != nil {
		return denied
	}
	if isMissing(err) {
		return x.missing(ctx, x.here(), err)
	}
	if err != nil {
		return err
	}
	if x.req.Op == s3req.GetObjectTagging {
		x.setVersion(id)
		return x.writeTags(tags)
	}
	// The version that was looked at is the one that is changed.
	ref := x.ref()
	ref.VersionID = id
	if id, err = s.SetTags(ctx, ref, given); err != nil {
		return err
	}
	x.setVersion(id)
	if x.req.Op == s3req.DeleteObjectTagging {
		x.empty(http.StatusNoContent)
		return nil
	}
	x.set("Content-Length", "0")
	x.empty(http.StatusOK)
	return nil
}

// taggingBody reads the tags; found is how the look at the object went, and wins.
func (x *exchange) taggingBody(found error) ([]identity.Tag, error) {
	given, err := x.readTags(objectstore.MaxObjectTags, "Object")
	if found != nil {
		return given, found
	}
	return given, err
}
