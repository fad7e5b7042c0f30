package main

import (
	"fmt"
	"net"
	"sync"
	"time"
)

// Modes of a link.
const (
	passes = iota
	refuses
	swallows
	delays
	halfToServer // sends nothing more to the server, which sees the end of its input
	halfToClient
)

// link is a proxy with faults between a replica and a node.
type link struct {
	listener net.Listener
	target   string

	mutex   sync.Mutex
	changed *sync.Cond
	mode    int
	delay   time.Duration
	open    map[*pair]bool
	closed  bool
}

type pair struct{ client, server *net.TCPConn }

func newLink(address, target string) (*link, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	l := &link{listener: listener, target: target, open: map[*pair]bool{}}
	l.changed = sync.NewCond(&l.mutex)
	go l.accept()
	return l, nil
}

// set changes the mode, also of open connections.
func (l *link) set(mode int, delay time.Duration) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.mode, l.delay = mode, delay
	for p := range l.open {
		l.apply(p)
	}
	l.changed.Broadcast()
}

// apply does what a mode does once to a connection. The caller holds the mutex.
func (l *link) apply(p *pair) {
	switch l.mode {
	case refuses:
		p.client.SetLinger(0)
		p.server.SetLinger(0)
		p.close()
	case halfToServer:
		p.server.CloseWrite()
	case halfToClient:
		p.client.CloseWrite()
	}
}

func (p *pair) close() {
	p.client.Close()
	p.server.Close()
}

func (l *link) accept() {
	for {
		client, err := l.listener.Accept()
		if err != nil {
			return
		}
		go l.serve(client.(*net.TCPConn))
	}
}

func (l *link) serve(client *net.TCPConn) {
	server, err := net.DialTimeout("tcp", l.target, time.Second)
	if err != nil {
		client.SetLinger(0)
		client.Close()
		return
	}
	p := &pair{client, server.(*net.TCPConn)}
	l.mutex.Lock()
	if l.closed {
		l.mutex.Unlock()
		p.close()
		return
	}
	l.open[p] = true
	l.apply(p)
	l.mutex.Unlock()
	var both sync.WaitGroup
	both.Add(2)
	go l.pump(p.client, p.server, &both)
	go l.pump(p.server, p.client, &both)
	both.Wait()
	p.close()
	l.mutex.Lock()
	delete(l.open, p)
	l.mutex.Unlock()
}

func (l *link) pump(from, to *net.TCPConn, both *sync.WaitGroup) {
	defer both.Done()
	buffer := make([]byte, 64*1024)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			if !l.pass() {
				break
			}
			if _, err := to.Write(buffer[:n]); err != nil {
				from.CloseRead()
				break
			}
		}
		if err != nil {
			break
		}
	}
	to.CloseWrite()
}

// pass returns once bytes may pass, or false if the link is closed.
func (l *link) pass() bool {
	l.mutex.Lock()
	for l.mode == swallows && !l.closed {
		l.changed.Wait()
	}
	delay := time.Duration(0)
	if l.mode == delays {
		delay = l.delay
	}
	closed := l.closed
	l.mutex.Unlock()
	time.Sleep(delay)
	return !closed
}

func (l *link) close() {
	l.listener.Close()
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.closed = true
	for p := range l.open {
		p.close()
	}
	l.changed.Broadcast()
}

func address(host string, port int) string { return fmt.Sprintf("%s:%d", host, port) }
