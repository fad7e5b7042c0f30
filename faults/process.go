package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// process is a program that can be restarted, with its output in one file.
type process struct {
	name    string
	command func() *exec.Cmd
	log     string

	mutex  sync.Mutex
	cmd    *exec.Cmd
	ended  chan struct{}
	paused bool
	epoch  int // counts starts and faults
}

// jvm is how the packaged jar runs: with the image's arguments, and with its AOT cache if there is one.
type jvm struct{ java, jar, aot, options string }

func (j jvm) command(arguments ...string) *exec.Cmd {
	all := append([]string{"@" + j.options}, arguments...)
	if j.aot != "" {
		all = append(all, "-XX:AOTCache="+j.aot)
	}
	return exec.Command(j.java, append(all, "-jar", j.jar)...)
}

func (p *process) start() error {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.runs() {
		return nil
	}
	output, err := os.OpenFile(p.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer output.Close()
	cmd := p.command()
	cmd.Stdout, cmd.Stderr = output, output
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%s cannot be started: %w", p.name, err)
	}
	ended := make(chan struct{})
	go func() {
		cmd.Wait()
		close(ended)
	}()
	p.cmd, p.ended, p.paused = cmd, ended, false
	p.epoch++
	return nil
}

// runs reports whether the process has started and not ended. The caller holds the mutex.
func (p *process) runs() bool {
	if p.cmd == nil {
		return false
	}
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// answers reports whether the process runs and is not paused, and a number that changes with each fault.
func (p *process) answers() (bool, int) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.runs() && !p.paused, p.epoch
}

// kill sends SIGKILL and waits for the end.
func (p *process) kill() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.epoch++
	if p.runs() {
		p.cmd.Process.Kill()
		<-p.ended
	}
	p.paused = false
}

func (p *process) pause() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.runs() {
		p.epoch++
		p.paused = true
		p.cmd.Process.Signal(syscall.SIGSTOP)
	}
}

func (p *process) resume() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.paused {
		p.epoch++
		p.paused = false
		p.cmd.Process.Signal(syscall.SIGCONT)
	}
}

// code waits for the exit code, and kills the process after limit.
func (p *process) code(limit time.Duration) (int, error) {
	select {
	case <-p.ended:
		return p.cmd.ProcessState.ExitCode(), nil
	case <-time.After(limit):
		p.kill()
		return -1, fmt.Errorf("%s did not end within %s", p.name, limit)
	}
}

// freePorts returns ports that are free at each of the given loopback addresses.
func freePorts(n int, addresses ...string) ([]int, error) {
	var ports []int
	var held []net.Listener
	defer func() {
		for _, listener := range held {
			listener.Close()
		}
	}()
	for try := 0; try < 1000 && len(ports) < n; try++ {
		first, err := net.Listen("tcp", addresses[0]+":0")
		if err != nil {
			return nil, err
		}
		held = append(held, first)
		port := first.Addr().(*net.TCPAddr).Port
		free := true
		for _, address := range addresses[1:] {
			other, err := net.Listen("tcp", fmt.Sprintf("%s:%d", address, port))
			if err != nil {
				free = false
				break
			}
			held = append(held, other)
		}
		if free {
			ports = append(ports, port)
		}
	}
	if len(ports) < n {
		return nil, errors.New("there are no free ports")
	}
	return ports, nil
}

// within retries attempt until it succeeds. After limit, it returns the last failure.
func within(limit time.Duration, attempt func() error) error {
	end := time.Now().Add(limit)
	for {
		err := attempt()
		if err == nil {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("not within %s: %w", limit, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}
