package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

const (
	users    = 3
	recovery = 10 * time.Second // of the service, after the last fault has ended
)

// replica is a process of the packaged jar.
type replica struct {
	process
	url        string
	skew       string       // what libfaketime adds to its clock; may be empty
	readySince atomic.Int64 // the epoch in which it was ready
}

// seed is one run of the harness: a database, two replicas, clients and faults.
type seed struct {
	number     int64
	jvm        jvm
	folder     string
	defenceOff string
	cluster    *cluster
	replicas   []*replica
	users      []*user
	history    *history
	http       *http.Client
	database   *mongo.Database

	ctx       context.Context // of calls
	stopping  atomic.Bool     // whether clients may begin no new call
	listening context.Context
	listeners sync.WaitGroup
	mutex     sync.Mutex
	followed  map[string]bool
	mended    map[any]string
}

func (s *seed) name() string { return fmt.Sprintf("faults_%d", s.number) }

func (s *seed) newReplica(i, port int) (*replica, error) {
	hostname, _ := os.Hostname()
	hosts := filepath.Join(s.folder, fmt.Sprintf("hosts%d", i))
	text := fmt.Sprintf("%s localhost\n127.0.0.1 %s\n", replicaAddress(i), hostname)
	if err := os.WriteFile(hosts, []byte(text), 0o644); err != nil {
		return nil, err
	}
	r := &replica{url: fmt.Sprintf("http://127.0.0.1:%d", port)}
	r.process = process{name: fmt.Sprintf("replica %d", i), log: filepath.Join(s.folder, fmt.Sprintf("replica%d-%d.log", i, s.number)),
		command: func() *exec.Cmd {
			cmd := s.jvm.command("-Djdk.net.hosts.file=" + hosts)
			cmd.Env = s.environment(fmt.Sprintf("PORT=%d", port))
			if r.skew != "" {
				cmd.Env = append(cmd.Env, "LD_PRELOAD="+faketime, "FAKETIME="+r.skew, "FAKETIME_DONT_FAKE_MONOTONIC=1", "DONT_FAKE_MONOTONIC=1")
			}
			return cmd
		}}
	return r, nil
}

// environment of the service, without the variables of the harness.
func (s *seed) environment(more ...string) []string {
	kept := cleanEnvironment()
	kept = append(kept, "MONGODB_URI="+s.cluster.uri(), "MONGODB_DB="+s.name(), "AUTH_SECRET="+secret,
		"QUARKUS_HTTP_HOST=127.0.0.1", "QUARKUS_SHUTDOWN_DELAY=0S", "CONVERSATIONS_EVENTS_HEARTBEAT=1S",
		"CONVERSATIONS_EVENTS_MAX_STREAMS_PER_CALLER=100", "CONVERSATIONS_LIMITS_INLINE_MESSAGES=100",
		"CONVERSATIONS_INTEGRITY_BATCH_SIZE=50", "CONVERSATIONS_INTEGRITY_MAX_RATE=400",
		"CONVERSATIONS_INTEGRITY_RETRY_MAX=2S", "CONVERSATIONS_REQUEST_TIMEOUT="+fmt.Sprintf("%dS", int(requestTimeout.Seconds())))
	switch s.defenceOff {
	case "majority":
		kept = append(kept, "QUARKUS_MONGODB_WRITE_CONCERN_W=1")
	case "gate":
		kept = append(kept, "CONVERSATIONS_INTEGRITY_ON_START=off")
	case "timeout":
		kept = append(kept, "CONVERSATIONS_REQUEST_TIMEOUT=1H")
	}
	return append(kept, more...)
}

// run runs a seed from its start to its result.
func (s *seed) run(seconds time.Duration) error {
	if err := s.cluster.awaitHealthy(); err != nil {
		return err
	}
	s.database = s.cluster.client.Database(s.name())
	if err := s.database.Drop(context.Background()); err != nil {
		return err
	}
	if err := s.insertOld(); err != nil {
		return err
	}
	var cancel, hush context.CancelFunc
	s.ctx, cancel = context.WithCancel(context.Background())
	defer cancel()
	s.listening, hush = context.WithCancel(context.Background())
	defer hush()
	defer func() {
		for _, r := range s.replicas {
			r.kill()
		}
	}()
	for _, r := range s.replicas {
		if err := r.start(); err != nil {
			return err
		}
	}
	var beside, clients sync.WaitGroup
	for i := range s.replicas {
		beside.Go(func() { s.live(i) })
		beside.Go(func() { s.watchReady(i) })
	}
	for i := range 2 * users {
		clients.Go(func() { s.client(i, s.users[i/2]) })
	}
	beside.Go(s.mend)
	if err := s.awaitReady(); err != nil {
		return err
	}
	s.history.opened = s.history.now()
	beside.Go(s.vandalize)
	if s.defenceOff == "index" {
		beside.Go(s.dropIndexes)
	}
	if err := s.nemesis(time.Now().Add(seconds)); err != nil {
		return err
	}
	healed := s.history.now()
	s.stopping.Store(true)
	time.AfterFunc(60*time.Second, cancel)
	clients.Wait()
	for _, c := range s.history.Calls {
		if c.Completed > healed && c.Completed-healed > int64(recovery) {
			s.history.violation("a call was answered %.1f s after the last fault had ended", float64(c.Completed-healed)/1e9)
			break
		}
	}
	final, err := s.finally()
	if err != nil {
		return err
	}
	within(recovery, func() error { // the check finds a listener that misses messages
		for conversation, messages := range final {
			if heard, _ := s.history.seen(conversation); s.followed[conversation] && !slices.Equal(heard, messages) {
				return errors.New("not all listeners have heard all")
			}
		}
		return nil
	})
	hush()
	s.listeners.Wait()
	beside.Wait()
	s.history.Violations = append(s.history.Violations, check(s.history, final)...)
	return s.checkDatabase()
}

func (s *seed) watchReady(i int) {
	for s.listening.Err() == nil {
		up, epoch := s.replicas[i].answers()
		if up && s.replicas[i].readySince.Load() != int64(epoch) && s.ready(i) {
			s.replicas[i].readySince.Store(int64(epoch))
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (s *seed) ready(i int) bool {
	quick := *s.http
	quick.Timeout = time.Second
	return s.replicas[i].health(&quick, "ready") == nil
}

// health returns nil if the check (live or ready) is UP.
func (r *replica) health(client *http.Client, check string) error {
	response, err := client.Get(r.url + "/q/health/" + check)
	if err != nil {
		return err
	}
	response.Body.Close()
	if response.StatusCode != 200 {
		return fmt.Errorf("%s is %s: see %s", check, response.Status, r.log)
	}
	return nil
}

func (s *seed) awaitReady() error {
	return within(90*time.Second, func() error {
		for i := range s.replicas {
			if !s.ready(i) {
				return fmt.Errorf("replica %d is not ready: see %s", i, s.replicas[i].log)
			}
		}
		return nil
	})
}

// finally reads the messages of every conversation through the API.
func (s *seed) finally() (map[string][]string, error) {
	final := map[string][]string{}
	owners := map[string]*user{}
	for _, c := range s.history.Calls {
		for _, u := range s.users {
			if u.name == c.User {
				owners[c.Conversation] = u
			}
		}
	}
	for conversation, u := range owners {
		messages, ok := s.pages(&call{}, u, newChance(s.number, 99), conversation)
		if !ok {
			return nil, fmt.Errorf("%s cannot be read at the end", conversation)
		}
		final[conversation] = messages
	}
	return final, nil
}

// checkDatabase checks that each stored document has unique ids, and those that were answered.
func (s *seed) checkDatabase() error {
	if s.history.Kinds["healer-killed"] > 0 {
		heal := s.healer()
		if err := heal.start(); err != nil {
			return err
		}
		if code, err := heal.code(60 * time.Second); err != nil || code != 0 {
			s.history.violation("the last heal exited with %d %v", code, err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	cursor, err := s.database.Collection("conversations").Find(ctx, bson.D{},
		options.Find().SetProjection(bson.M{"conversationId": 1, "sessionId": 1, "userId": 1}))
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for cursor.Next(ctx) {
		var document bson.M
		if err := cursor.Decode(&document); err != nil {
			return err
		}
		session, _ := document["sessionId"].(string)
		conversation, _ := document["conversationId"].(string)
		if strings.TrimSpace(session) == "" || strings.TrimSpace(conversation) == "" {
			s.history.violation("stored without ids: %v", document)
		}
		if seen["s"+session] || seen["c"+conversation] {
			s.history.violation("stored with duplicate ids: %v", document)
		}
		seen["s"+session], seen["c"+conversation] = true, true
		if told, known := s.history.Sessions[conversation]; known && told != session {
			s.history.violation("the sessionId of %s was answered as %s and is stored as %s", conversation, told, session)
		}
		if mended, known := s.mended[document["_id"]]; known && mended != session {
			s.history.violation("a heal has overwritten the sessionId of %v, which its owner had repaired", document["_id"])
		}
		if user := document["userId"]; user == "vandal" {
			s.history.violation("an invalid document of another program is stored: %v", document)
		}
	}
	return cursor.Err()
}
