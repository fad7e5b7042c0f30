package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

const (
	probeLimit = time.Second     // as the kubelet's
	settled    = 5 * time.Second // after the load
)

// single is one process of the service with its own database, and the violations found.
type single struct {
	name      string // of its database and of its log
	service   *replica
	address   string
	client    *mongo.Client
	mutex     sync.Mutex
	violation []string
}

func (s *single) wrong(format string, values ...any) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.violation = append(s.violation, fmt.Sprintf(format, values...))
}

// run starts a mongod, and the service with further JVM arguments and settings. It reports whether try has found a
// violation.
func (s *single) run(root string, jvm jvm, arguments, settings []string, try func(database *process) error) (bool, error) {
	scratch, err := os.MkdirTemp("", s.name+"-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(scratch)
	server, uri, err := startOne(scratch)
	if server != nil {
		defer server.kill()
	}
	if err != nil {
		return false, err
	}
	if s.client, err = mongo.Connect(options.Client().ApplyURI(uri)); err != nil {
		return false, err
	}
	ports, err := freePorts(1, "127.0.0.1")
	if err != nil {
		return false, err
	}
	s.address = address("127.0.0.1", ports[0])
	s.service = &replica{url: "http://" + s.address}
	log := filepath.Join(root, "target", "faults", s.name+".log")
	os.Remove(log)
	s.service.process = process{name: "the service", log: log, command: func() *exec.Cmd {
		cmd := jvm.command(arguments...)
		cmd.Env = append(cleanEnvironment(), "MONGODB_URI="+uri, "MONGODB_DB="+s.name, "AUTH_SECRET="+secret,
			"QUARKUS_HTTP_HOST=127.0.0.1", "QUARKUS_SHUTDOWN_DELAY=0S", "PORT="+strconv.Itoa(ports[0]))
		cmd.Env = append(cmd.Env, settings...)
		return cmd
	}}
	if err := s.service.start(); err != nil {
		return false, err
	}
	defer s.service.kill()
	err = within(90*time.Second, func() error {
		if up, _ := s.service.answers(); !up {
			return nil
		}
		return s.ready()
	})
	if up, _ := s.service.answers(); !up {
		err = fmt.Errorf("the service has ended: see %s", log)
	}
	if err != nil {
		return false, err
	}
	if err := try(server); err != nil {
		return false, err
	}
	for _, wrong := range s.violation[:min(10, len(s.violation))] {
		fmt.Println("  ", wrong)
	}
	return len(s.violation) > 0, nil
}

func cleanEnvironment() []string {
	return slices.DeleteFunc(os.Environ(), func(variable string) bool {
		return strings.HasPrefix(variable, "MONGODB_") || strings.HasPrefix(variable, "AUTH_")
	})
}

// startOne starts a replica set of one node.
func startOne(folder string) (*process, string, error) {
	mongod, err := exec.LookPath("mongod")
	if err != nil {
		return nil, "", err
	}
	ports, err := freePorts(1, "127.0.0.1")
	if err != nil {
		return nil, "", err
	}
	data := filepath.Join(folder, "data")
	if err := os.MkdirAll(data, 0o755); err != nil {
		return nil, "", err
	}
	server := &process{name: "mongod", log: filepath.Join(folder, "mongod.log"), command: func() *exec.Cmd {
		return exec.Command(mongod, "--bind_ip", "127.0.0.1", "--port", strconv.Itoa(ports[0]), "--dbpath", data, "--replSet", "rs0",
			"--wiredTigerCacheSizeGB", "0.5", "--nounixsocket")
	}}
	if err := server.start(); err != nil {
		return nil, "", err
	}
	host := address("127.0.0.1", ports[0])
	direct, err := mongo.Connect(options.Client().ApplyURI("mongodb://" + host + "/?directConnection=true").SetTimeout(2 * time.Second))
	if err != nil {
		return server, "", err
	}
	config := bson.M{"_id": "rs0", "members": bson.A{bson.M{"_id": 0, "host": host}}}
	err = within(60*time.Second, func() error {
		return direct.Database("admin").RunCommand(context.Background(), bson.D{{Key: "replSetInitiate", Value: config}}).Err()
	})
	return server, "mongodb://" + host + "/?replicaSet=rs0", err
}

func (s *single) ready() error { return s.service.health(http.DefaultClient, "ready") }

func (s *single) conversations() *mongo.Collection {
	return s.client.Database(s.name).Collection("conversations")
}

// resident returns the resident memory of the service, in MiB.
func (s *single) resident() int { return s.status("VmRSS:") / 1024 }

// status returns a number from /proc of the service's process; 0 if it has ended.
func (s *single) status(name string) int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.service.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if value, found := strings.CutPrefix(line, name); found {
			n, _ := strconv.Atoi(strings.Fields(value)[0])
			return n
		}
	}
	return 0
}

// metrics returns the series of the service with their values.
func (s *single) metrics() (map[string]float64, error) {
	response, err := http.Get(s.service.url + "/q/metrics")
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	series := map[string]float64{}
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		name, value, found := strings.Cut(lines.Text(), "} ")
		if !found {
			name, value, found = strings.Cut(lines.Text(), " ")
		}
		if n, err := strconv.ParseFloat(value, 64); found && err == nil && !strings.HasPrefix(name, "#") {
			series[name] = n
		}
	}
	return series, lines.Err()
}

// held is what the idle service holds.
type held struct {
	heap         int            // KiB that are reachable, after a full collection
	classes      map[string]int // their bytes
	threads, fds int
}

func (h held) String() string {
	return fmt.Sprintf("heap %d KiB, %d threads, %d file descriptors", h.heap, h.threads, h.fds)
}

// held measures after a full collection.
func (s *single) held(java string) (held, error) {
	pid := strconv.Itoa(s.service.cmd.Process.Pid)
	jcmd := strings.TrimSuffix(java, "java") + "jcmd"
	out, err := exec.Command(jcmd, pid, "GC.class_histogram").CombinedOutput() // runs a full collection
	if err != nil {
		return held{}, fmt.Errorf("%s: %w", out, err)
	}
	h := held{classes: map[string]int{}, threads: s.status("Threads:")}
	for _, line := range regexp.MustCompile(`(?m)^ *\d+: +\d+ +(\d+) +(\S+)`).FindAllSubmatch(out, -1) {
		bytes, _ := strconv.Atoi(string(line[1]))
		h.classes[string(line[2])] += bytes
		h.heap += bytes
	}
	if h.heap == 0 {
		return held{}, fmt.Errorf("jcmd reports no heap: %s", out)
	}
	h.heap /= 1024
	fds, err := os.ReadDir(filepath.Join("/proc", pid, "fd"))
	h.fds = len(fds)
	return h, err
}

// probes check liveness repeatedly, each on its own connection, as the kubelet does.
type probes struct {
	stop     chan struct{}
	done     sync.WaitGroup
	sent     int
	lost     []string // when, and why
	slowest  time.Duration
	resident int // MiB, at most
}

// newProbes probes until end. beside names the attacks that run when a probe fails.
func newProbes(s *single, pause time.Duration, beside func() []string) *probes {
	p := &probes{stop: make(chan struct{})}
	client := &http.Client{Timeout: probeLimit, Transport: &http.Transport{DisableKeepAlives: true}}
	start := time.Now()
	p.done.Go(func() {
		for {
			select {
			case <-p.stop:
				return
			case <-time.After(pause):
			}
			began := time.Now()
			p.sent++
			if err := s.service.health(client, "live"); err != nil {
				p.lost = append(p.lost, fmt.Sprintf("at %.1f s, after %.1f s: %v; beside %q",
					began.Sub(start).Seconds(), time.Since(began).Seconds(), err, beside()))
			}
			p.slowest = max(p.slowest, time.Since(began))
			p.resident = max(p.resident, s.resident())
		}
	})
	return p
}

func (p *probes) end() {
	close(p.stop)
	p.done.Wait()
}
