package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"
)

const (
	nodes     = 3
	replicas  = 2
	smallDisk = "420m"
)

// node is a mongod of the replica set.
type node struct {
	process
	port   int
	folder string
	direct *mongo.Client
	disk   bool // whether its folder is on a small file system
}

// cluster is a replica set of three nodes, with a link from each replica of the service to each node.
//
// The members know each other as localhost, which is 127.0.0.1 for them. The JVM of each replica has a hosts file in which
// localhost is the address of its links. So a replica always uses its links, and the nodes' own traffic does not.
type cluster struct {
	nodes  []*node
	links  [replicas][nodes]*link
	client *mongo.Client
	noDisk error // why no node has a small disk; nil if one has
}

func replicaAddress(replica int) string { return fmt.Sprintf("127.0.1.%d", replica+1) }

func startCluster(folder string) (*cluster, error) {
	mongod, err := exec.LookPath("mongod")
	if err != nil {
		return nil, err
	}
	ports, err := freePorts(nodes, "127.0.0.1", replicaAddress(0), replicaAddress(1))
	if err != nil {
		return nil, err
	}
	c := &cluster{}
	for i, port := range ports {
		n := &node{port: port, folder: filepath.Join(folder, fmt.Sprintf("node%d", i))}
		if err := os.MkdirAll(n.folder, 0o755); err != nil {
			return nil, err
		}
		if i == nodes-1 {
			c.noDisk = syscall.Mount("tmpfs", n.folder, "tmpfs", 0, "size="+smallDisk)
			n.disk = c.noDisk == nil
		}
		n.process = process{name: fmt.Sprintf("node %d", i), log: filepath.Join(folder, fmt.Sprintf("node%d.log", i)),
			command: func() *exec.Cmd {
				return exec.Command(mongod, "--bind_ip", "127.0.0.1", "--port", fmt.Sprint(port), "--dbpath", n.folder,
					"--replSet", "rs0", "--oplogSize", "64", "--wiredTigerCacheSizeGB", "0.25",
					"--enableMajorityReadConcern", "true", "--nounixsocket")
			}}
		c.nodes = append(c.nodes, n)
		if err := n.start(); err != nil {
			return c, err
		}
		n.direct, err = mongo.Connect(options.Client().ApplyURI(fmt.Sprintf("mongodb://127.0.0.1:%d/?directConnection=true", port)).
			SetServerSelectionTimeout(2 * time.Second).SetTimeout(2 * time.Second))
		if err != nil {
			return c, err
		}
		for r := range replicas {
			if c.links[r][i], err = newLink(address(replicaAddress(r), port), address("127.0.0.1", port)); err != nil {
				return c, err
			}
		}
	}
	if err := c.initiate(); err != nil {
		return c, err
	}
	c.client, err = mongo.Connect(options.Client().ApplyURI(c.uri()).SetWriteConcern(writeconcern.Majority()).
		SetServerSelectionTimeout(3 * time.Second).SetHeartbeatInterval(time.Second).SetConnectTimeout(2 * time.Second))
	return c, err
}

func (c *cluster) uri() string {
	var hosts []string
	for _, n := range c.nodes {
		hosts = append(hosts, address("localhost", n.port))
	}
	return "mongodb://" + strings.Join(hosts, ",") + "/?replicaSet=rs0"
}

func (c *cluster) initiate() error {
	var members bson.A
	for i, n := range c.nodes {
		members = append(members, bson.M{"_id": i, "host": address("localhost", n.port)})
	}
	config := bson.M{"_id": "rs0", "members": members, "settings": bson.M{
		"electionTimeoutMillis": 2000, "heartbeatIntervalMillis": 500, "heartbeatTimeoutSecs": 2}}
	err := within(60*time.Second, func() error {
		return c.nodes[0].admin(bson.D{{Key: "replSetInitiate", Value: config}}).Err()
	})
	if err != nil {
		return err
	}
	return c.awaitHealthy()
}

func (n *node) admin(command bson.D) *mongo.SingleResult {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	return n.direct.Database("admin").RunCommand(ctx, command)
}

// state returns the state of a member: 1 is the primary, 2 a secondary.
func (n *node) state() int {
	if answers, _ := n.answers(); !answers {
		return 0
	}
	var status struct {
		State int `bson:"myState"`
	}
	if err := n.admin(bson.D{{Key: "replSetGetStatus", Value: 1}}).Decode(&status); err != nil {
		return 0
	}
	return status.State
}

// primary returns the node that reports itself as writable.
func (c *cluster) primary() (int, error) {
	for i, n := range c.nodes {
		if n.state() == 1 {
			return i, nil
		}
	}
	return 0, errors.New("there is no primary")
}

// awaitHealthy waits until one node is the primary and the others are secondaries.
func (c *cluster) awaitHealthy() error {
	return within(60*time.Second, func() error {
		primaries := 0
		for _, n := range c.nodes {
			switch state := n.state(); state {
			case 1:
				primaries++
			case 2:
			default:
				return fmt.Errorf("%s is in state %d", n.name, state)
			}
		}
		if primaries != 1 {
			return fmt.Errorf("there are %d primaries", primaries)
		}
		return nil
	})
}

// heal ends all faults of the nodes and of the links.
func (c *cluster) heal() error {
	for r := range c.links {
		for _, l := range c.links[r] {
			l.set(passes, 0)
		}
	}
	for _, n := range c.nodes {
		n.emptyDisk()
		n.resume()
		if err := n.start(); err != nil {
			return err
		}
	}
	return nil
}

// fillDisk fills the disk of the node.
func (n *node) fillDisk() error {
	file, err := os.Create(n.filler())
	if err != nil {
		return err
	}
	defer file.Close()
	block := make([]byte, 1<<20)
	for size := len(block); size > 0; {
		if _, err := file.Write(block[:size]); err != nil {
			if !errors.Is(err, syscall.ENOSPC) {
				return err
			}
			size /= 2
		}
	}
	return nil
}

func (n *node) filler() string { return filepath.Join(n.folder, "filler") }

func (n *node) emptyDisk() {
	if n.disk {
		os.Remove(n.filler())
	}
}

func (c *cluster) stop() {
	for _, n := range c.nodes {
		n.kill()
		if n.disk {
			syscall.Unmount(n.folder, syscall.MNT_DETACH)
		}
	}
	for r := range c.links {
		for _, l := range c.links[r] {
			if l != nil {
				l.close()
			}
		}
	}
}
