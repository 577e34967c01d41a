package delivery

import (
	"strconv"
	"time"
	"unicode/utf8"
)

// memo is the part of a line that is the same for one connection's repeated requests.
type memo struct {
	e      Event // At is 0
	pid    int
	suffix []byte
}

// line appends e's line to b.
func (l *Log) line(b []byte, e *Event) []byte {
	same := *e
	same.At = 0
	m, _ := e.Conn.Record.(*memo)
	if m == nil || m.e != same {
		pid := 0
		if m != nil {
			pid = m.pid
		} else {
			pid = e.Conn.PID(l.maySearch(e.At))
		}
		m = &memo{e: same, pid: pid}
		m.suffix = appendSuffix(nil, e, pid)
		e.Conn.Record = m
	}
	b = append(b, `{"time":"`...)
	b = appendTime(b, e.At)
	return append(b, m.suffix...)
}

// maySearch spreads searches of the process table.
func (l *Log) maySearch(at int64) bool {
	if second := at / int64(time.Second); second != l.pidSecond {
		l.pidSecond, l.pids = second, 0
	}
	l.pids++
	return l.pids <= pidsPerSecond
}

func appendTime(b []byte, at int64) []byte {
	return time.Unix(0, at).UTC().AppendFormat(b, "2006-01-02T15:04:05.000000Z")
}

func appendSuffix(b []byte, e *Event, pid int) []byte {
	b = append(b, '"')
	if e.Answer != nil {
		b = field(b, "event", "delivered")
	} else {
		b = field(b, "event", "refused")
	}
	b = field(b, "endpoint", e.Endpoint)
	if e.Workload != nil {
		b = field(b, "workload", e.Workload.Name)
		b = field(b, "role", e.Workload.RoleARN)
	}
	if e.Answer != nil {
		b = field(b, "accessKeyId", e.Answer.Credentials.AccessKeyID)
		b = field(b, "expires", e.Answer.Credentials.Expires.UTC().Format(time.RFC3339))
	}
	b = number(b, "status", uint64(e.Status)) //nolint:gosec // an HTTP status
	b = field(b, "code", e.Code)
	p := e.Conn.Peer
	b = field(b, "source", p.Addr.String())
	if p.Known {
		b = number(b, "uid", uint64(p.UID))
		b = field(b, "cgroup", e.Conn.Cgroup())
		if pid > 0 {
			b = number(b, "pid", uint64(pid))
		}
	}
	return append(b, "}\n"...)
}

func limitedLine(b []byte, now time.Time, n int64) []byte {
	b = append(b, `{"time":"`...)
	b = appendTime(b, now.UnixNano())
	b = append(b, '"')
	b = field(b, "event", "limited")
	b = number(b, "requests", uint64(n)) //nolint:gosec // a count
	return append(b, "}\n"...)
}

func number(b []byte, name string, n uint64) []byte {
	b = append(b, `,"`...)
	b = append(b, name...)
	b = append(b, `":`...)
	return strconv.AppendUint(b, n, 10)
}

// field appends a string, and nothing when it is empty.
func field(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	b = append(b, `,"`...)
	b = append(b, name...)
	b = append(b, `":"`...)
	for _, r := range value {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < 0x20:
			const digits = "0123456789abcdef"
			b = append(b, `\u00`...)
			b = append(b, digits[r>>4], digits[r&0xf])
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}
