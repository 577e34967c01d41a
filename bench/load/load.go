// Package load sends one prepared HTTP/1.1 request over and over on keep-alive connections, bounded in
// count and time, and counts the answers. It parses no more of an answer than it must, so that most of
// the machine is left to the server. It only talks to loopback addresses.
package load

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Options say how hard and how long.
type Options struct {
	Addr        string        // host:port, loopback
	Request     []byte        // the whole request, headers and body
	Connections int           // at once
	Count       int64         // at most so many requests in all; 0 for no bound but the time
	Duration    time.Duration // at most so long
	// Want is the status that every answer must have.
	Want int
}

// Result is what came of it.
type Result struct {
	Requests int64
	Elapsed  time.Duration
}

// Run sends requests until the count or the time is used up. Any answer but the wanted one ends it with an
// error that shows the answer.
func Run(ctx context.Context, o Options) (Result, error) {
	host, _, err := net.SplitHostPort(o.Addr)
	if err != nil {
		return Result{}, err
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return Result{}, fmt.Errorf("load on %s: only loopback addresses", o.Addr)
	}
	ctx, cancel := context.WithTimeout(ctx, o.Duration)
	defer cancel()
	var sent atomic.Int64
	var wg sync.WaitGroup
	failed := make(chan error, o.Connections)
	begin := time.Now()
	for range o.Connections {
		wg.Go(func() {
			if err := connection(ctx, o, &sent); err != nil {
				failed <- err
				cancel()
			}
		})
	}
	wg.Wait()
	result := Result{Requests: sent.Load(), Elapsed: time.Since(begin)}
	select {
	case err := <-failed:
		return result, err
	default:
	}
	if result.Requests == 0 {
		return result, errors.New("no request was answered in time")
	}
	return result, nil
}

func connection(ctx context.Context, o Options, sent *atomic.Int64) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", o.Addr)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	defer conn.Close()
	c := client{conn: conn, in: bufio.NewReaderSize(conn, 64<<10)}
	for ctx.Err() == nil {
		if o.Count > 0 && sent.Add(1) > o.Count {
			sent.Add(-1)
			return nil
		}
		if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
			return err
		}
		if err := c.exchange(o.Request, o.Want); err != nil {
			return err
		}
		if o.Count == 0 {
			sent.Add(1)
		}
	}
	return nil
}

// Once sends the request on a connection of its own and returns the answer's body and Content-Type.
func Once(addr string, request []byte, want int) (body []byte, contentType string, err error) {
	conn, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		return nil, "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return nil, "", err
	}
	c := client{conn: conn, in: bufio.NewReader(conn), keep: true}
	err = c.exchange(request, want)
	return c.body.Bytes(), c.contentType, err
}

type client struct {
	conn net.Conn
	in   *bufio.Reader

	keep        bool // the body
	body        bytes.Buffer
	contentType string
}

func (c *client) exchange(request []byte, want int) error {
	if _, err := c.conn.Write(request); err != nil {
		return err
	}
	line, err := c.line()
	if err != nil {
		return err
	}
	if len(line) < 12 {
		return fmt.Errorf("not a status line: %q", line)
	}
	status, err := strconv.Atoi(string(line[9:12]))
	if err != nil {
		return fmt.Errorf("not a status line: %q", line)
	}
	length, chunked := int64(0), false
	for {
		if line, err = c.line(); err != nil {
			return err
		}
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.ParseInt(string(value), 10, 64); err != nil {
				return err
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			chunked = bytes.EqualFold(value, []byte("chunked"))
		case c.keep && bytes.EqualFold(name, []byte("Content-Type")):
			c.contentType = string(value)
		}
	}
	if status != want {
		c.keep = true
	}
	if err := c.read(length, chunked); err != nil {
		return err
	}
	if status != want {
		return fmt.Errorf("status %d instead of %d: %.500s", status, want, c.body.Bytes())
	}
	return nil
}

func (c *client) read(length int64, chunked bool) error {
	sink := io.Discard
	if c.keep {
		sink = &c.body
	}
	if !chunked {
		_, err := io.CopyN(sink, c.in, length)
		return err
	}
	for {
		line, err := c.line()
		if err != nil {
			return err
		}
		size, err := strconv.ParseInt(string(line), 16, 64)
		if err != nil {
			return err
		}
		if _, err := io.CopyN(sink, c.in, size); err != nil {
			return err
		}
		if _, err := c.line(); err != nil {
			return err
		}
		if size == 0 {
			return nil
		}
	}
}

func (c *client) line() ([]byte, error) {
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	return bytes.TrimRight(line, "\r\n"), nil
}
