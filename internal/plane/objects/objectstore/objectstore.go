// Package objectstore is the contract between the S3 front and what keeps the bytes.
//
// A store knows nothing of principals, policies or HTTP: the front has parsed and authorized the
// request before it calls. Bucket and key arrive as the one parser decoded them and must be taken
// literally: "..", "//" and NUL are part of a key.
//
// [Store] is what every back end must do. Multipart uploads, versions, tags and buckets are further
// interfaces that the front asks for by type assertion; storetest holds the suite that all of them
// have to pass.
package objectstore

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/objects/checksum"
)

// NullVersion is the id of a version that was written while versioning was off or suspended.
const NullVersion = "null"

// The limits of S3 that stores and front share.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
const (
	MaxKeyBytes     = 1024
	MaxParts        = 10_000
	MinPartBytes    = 5 << 20
	MaxPutBytes     = 5 << 30
	MaxObjectBytes  = 50 << 40
	MaxListKeys     = 1000
	MaxMetaBytes    = 2 << 10
	MaxObjectTags   = 10
	MaxDeleteKeys   = 1000
	MaxTagKeyRunes  = 128
	MaxTagValueRune = 256
)

// Bucket names a bucket and tells it from an earlier one of the same name.
type Bucket struct {
	Name string
	// Incarnation differs between a bucket and the one that had its name before it was deleted, so
	// that a late write to the old one can never surface in the new one. Stores that cannot keep it
	// apart ignore it.
	Incarnation string
}

// Versioning is the versioning state of a bucket.
type Versioning uint8

// The states of versioning.
const (
	Unversioned Versioning = iota
	VersioningEnabled
	VersioningSuspended
)

// Ref names one object version; an empty VersionID is the current one.
type Ref struct {
	Bucket    Bucket
	Key       string
	VersionID string
}

// Headers are the standard headers that S3 keeps with an object, verbatim.
type Headers struct {
	ContentType        string
	CacheControl       string
	ContentDisposition string
	ContentEncoding    string
	ContentLanguage    string
	Expires            string
	WebsiteRedirect    string
}

// Meta is one entry of user metadata; Name is lower case and lacks the x-amz-meta- prefix.
type Meta struct{ Name, Value string }

// Part is one uploaded part, or a part of a finished multipart object.
type Part struct {
	Number       int
	Size         int64
	ETag         string // hex MD5, without quotes
	LastModified time.Time
	Checksum     checksum.Value
}

// Info is what a store knows of one object version.
type Info struct {
	Key          string
	VersionID    string // NullVersion where the bucket never had versioning
	Latest       bool
	DeleteMarker bool
	Size         int64
	ETag         string // without quotes
	LastModified time.Time
	Headers      Headers
	Meta         []Meta
	Tags         []identity.Tag
	Checksum     checksum.Value
	// PartSizes are the sizes of the parts, in order, of an object that was uploaded in parts.
	PartSizes []int64
	// Sealed says that the content is encrypted at rest.
	Sealed bool
}

// Range asks for a stretch of an object. The zero Range is the whole object.
type Range struct {
	Set bool
	// Suffix asks for the last Last bytes; otherwise First to Last, Last = -1 for the end.
	Suffix      bool
	First, Last int64
}

// Resolve yields offset and length of rg within an object of size bytes.
// It fails with [ErrInvalidRange] when nothing of the object is in range.
func (rg Range) Resolve(size int64) (offset, length int64, err error) {
	switch {
	case !rg.Set:
		return 0, size, nil
	case rg.Suffix:
		if rg.Last == 0 || size == 0 {
			return 0, 0, ErrInvalidRange
		}
		n := min(rg.Last, size)
		return size - n, n, nil
	case rg.First >= size:
		return 0, 0, ErrInvalidRange
	case rg.Last < 0 || rg.Last >= size:
		return rg.First, size - rg.First, nil
	default:
		return rg.First, rg.Last - rg.First + 1, nil
	}
}

// Conditions are the preconditions of a read; zero fields do not count.
// ETags are compared without quotes; "*" matches any object.
type Conditions struct {
	IfMatch           string
	IfNoneMatch       string
	IfModifiedSince   time.Time
	IfUnmodifiedSince time.Time
}

// Get asks for an object.
type Get struct {
	Ref
	Conditions Conditions
	Range      Range
	// Part, from 1, asks for one part of a multipart object; 0 for the object.
	Part int
	// HeadOnly asks for metadata; Object.Body is then nil.
	HeadOnly bool
}

// Object is the answer to [Get].
type Object struct {
	Info
	// Offset and Length are the resolved range within Size.
	Offset, Length int64
	// Body yields exactly Length bytes; the caller closes it.
	Body io.ReadCloser
}

// Payload is a body that hashes itself while it is read and fails, at its end and before it reports
// io.EOF, if it is not what the client declared.
type Payload interface {
	io.Reader
	// Sums are valid once Read returned io.EOF.
	Sums() checksum.Sums
}

// Put stores one object.
type Put struct {
	Bucket     Bucket
	Key        string
	Versioning Versioning
	Headers    Headers
	Meta       []Meta
	Tags       []identity.Tag
	// IfMatch, an ETag, and IfNoneMatch, "*" or an ETag, hold at the moment of the commit.
	IfMatch, IfNoneMatch string
	Body                 Payload
	// Size is the number of bytes in Body, -1 if it is not known beforehand.
	Size int64
}

// Delete removes an object, or one version if VersionID is set.
type Delete struct {
	Ref
	Versioning Versioning
	IfMatch    string
}

// Deleted tells what [Store.Delete] did.
type Deleted struct {
	// VersionID is that of the removed version, or of the delete marker that was made.
	VersionID string
	// DeleteMarker says that the version made or removed is a delete marker.
	DeleteMarker bool
}

// List asks for current objects in the order of their keys' UTF-8 bytes.
type List struct {
	Bucket    Bucket
	Prefix    string
	Delimiter string
	// After excludes keys and common prefixes up to and including it.
	After string
	Max   int
}

// Listing is the answer to [List].
type Listing struct {
	Objects  []Info
	Prefixes []string
	// Next is where the next page starts (as List.After); "" at the end.
	Next string
}

// Store is what every back end does.
//
// A nil error means that the change is durable. Errors that a client caused are the ones of this
// package; any other is an internal failure.
type Store interface {
	// Get returns [ErrNoSuchKey], [ErrNoSuchVersion], [*DeleteMarkerError], [ErrNotModified],
	// [ErrPrecondition] or [ErrInvalidRange].
	Get(ctx context.Context, in Get) (*Object, error)
	// Put reads Body to its end and stores it whole or not at all. An error of Body comes back as it is.
	Put(ctx context.Context, in Put) (Info, error)
	// Delete succeeds if there was nothing to remove.
	Delete(ctx context.Context, in Delete) (Deleted, error)
	List(ctx context.Context, in List) (Listing, error)
}

// BucketKeeper is a store that must know its buckets.
type BucketKeeper interface {
	// CreateBucket succeeds if the bucket is there.
	CreateBucket(ctx context.Context, b Bucket) error
	// DeleteBucket fails with [ErrBucketNotEmpty] while there is any version or delete marker; open
	// uploads are dropped. Writes to the same incarnation fail with [ErrNoSuchBucket] ever after.
	DeleteBucket(ctx context.Context, b Bucket) error
	SetVersioning(ctx context.Context, b Bucket, v Versioning) error
}

// ListVersions asks for all versions, newest first within a key.
type ListVersions struct {
	Bucket                   Bucket
	Prefix, Delimiter        string
	KeyMarker, VersionMarker string
	Max                      int
}

// VersionListing is the answer to [ListVersions].
type VersionListing struct {
	Versions                 []Info
	Prefixes                 []string
	Truncated                bool
	NextKey, NextVersionMark string
}

// Versioner is a store that keeps versions.
type Versioner interface {
	ListVersions(ctx context.Context, in ListVersions) (VersionListing, error)
}

// Tagger is a store that keeps object tags.
type Tagger interface {
	Tags(ctx context.Context, ref Ref) (versionID string, tags []identity.Tag, err error)
	SetTags(ctx context.Context, ref Ref, tags []identity.Tag) (versionID string, err error)
}

// UploadRef names a multipart upload.
type UploadRef struct {
	Bucket   Bucket
	Key      string
	UploadID string
}

// CreateUpload starts a multipart upload.
type CreateUpload struct {
	Bucket  Bucket
	Key     string
	Headers Headers
	Meta    []Meta
	Tags    []identity.Tag
	// Algorithm and Type are the checksum that the parts and the object will have; Algorithm may be
	// empty.
	Algorithm checksum.Algorithm
	Type      checksum.Type
	// Initiator is the ARN of who started it.
	Initiator string
}

// PutPart stores one part, replacing an earlier one of the same number.
type PutPart struct {
	UploadRef
	Number int
	Body   Payload
	Size   int64
}

// CompletePart is one line of a completion.
type CompletePart struct {
	Number   int
	ETag     string
	Checksum checksum.Value
}

// CompleteUpload turns parts into an object.
type CompleteUpload struct {
	UploadRef
	Versioning           Versioning
	Parts                []CompletePart
	IfMatch, IfNoneMatch string
	// Checksum, if its Value is set, must be that of the whole object.
	Checksum checksum.Value
	// Size, if ≥ 0, must be that of the whole object.
	Size int64
}

// Upload is one open multipart upload.
type Upload struct {
	Key       string
	UploadID  string
	Initiated time.Time
	Initiator string
	Algorithm checksum.Algorithm
	Type      checksum.Type
}

// Multiparter is a store that takes objects in parts.
type Multiparter interface {
	CreateUpload(ctx context.Context, in CreateUpload) (uploadID string, err error)
	// PutPart, CompleteUpload and AbortUpload return [ErrNoSuchUpload].
	PutPart(ctx context.Context, in PutPart) (Part, error)
	// CompleteUpload returns [ErrInvalidPart], [ErrPartOrder], [ErrPartTooSmall] or [ErrPrecondition].
	CompleteUpload(ctx context.Context, in CompleteUpload) (Info, error)
	AbortUpload(ctx context.Context, ref UploadRef) error
}

// ListUploads asks for open uploads by key, then by age.
type ListUploads struct {
	Bucket                  Bucket
	Prefix, Delimiter       string
	KeyMarker, UploadMarker string
	Max                     int
}

// UploadListing is the answer to [ListUploads].
type UploadListing struct {
	Uploads             []Upload
	Prefixes            []string
	Truncated           bool
	NextKey, NextUpload string
}

// PartListing is the answer to ListParts.
type PartListing struct {
	Upload    Upload
	Parts     []Part
	Truncated bool
}

// UploadLister is a [Multiparter] that tells what is open.
type UploadLister interface {
	ListUploads(ctx context.Context, in ListUploads) (UploadListing, error)
	// ListParts yields at most limit parts with numbers above after.
	ListParts(ctx context.Context, ref UploadRef, after, limit int) (PartListing, error)
}

// What a client can do wrong, or find missing.
var (
	ErrNoSuchBucket   = errors.New("no such bucket")
	ErrNoSuchKey      = errors.New("no such key")
	ErrNoSuchVersion  = errors.New("no such version")
	ErrNoSuchUpload   = errors.New("no such upload")
	ErrNotModified    = errors.New("not modified")
	ErrPrecondition   = errors.New("precondition failed")
	ErrConflict       = errors.New("conflicting operation in progress")
	ErrInvalidRange   = errors.New("range not satisfiable")
	ErrInvalidPart    = errors.New("part missing or its etag differs")
	ErrPartNumber     = errors.New("no such part number")
	ErrPartOrder      = errors.New("parts not in ascending order")
	ErrPartTooSmall   = errors.New("part below the minimum size")
	ErrBucketNotEmpty = errors.New("bucket not empty")
	ErrBadDigest      = errors.New("checksum of the whole object differs")
	ErrSizeMismatch   = errors.New("size of the whole object differs")
	ErrUnsupported    = errors.New("not supported by this store")
	// ErrUnavailable says that the store cannot take the request now (disk full, back end down).
	ErrUnavailable = errors.New("store unavailable")
)

// DeleteMarkerError says that the version asked for is a delete marker.
// It matches [ErrNoSuchKey].
type DeleteMarkerError struct {
	VersionID    string
	LastModified time.Time
	// Named says that the marker was asked for by its version id.
	Named bool
}

func (e *DeleteMarkerError) Error() string { return "the object is a delete marker" }

// Is matches [ErrNoSuchKey].
func (e *DeleteMarkerError) Is(target error) bool { return target == ErrNoSuchKey }

// Local marks a store whose reads of metadata cost no round trip. The front then opens an object
// before it decides, so that its tags can count (s3:ExistingObjectTag), and asks only once.
type Local interface {
	Store
	Local()
}
