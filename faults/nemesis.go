package main

import (
	"fmt"
	"math/rand/v2"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// nemesis causes one fault after the other, ends them all, and waits until all processes are healthy.
func (s *seed) nemesis(end time.Time) error {
	chance := newChance(s.number, 50)
	faults := s.faults()
	order := chance.Perm(len(faults))
	for n := 0; time.Now().Before(end); n++ {
		if err := faults[order[n%len(order)]](chance); err != nil {
			return err
		}
		if err := s.healAll(); err != nil {
			return err
		}
		time.Sleep(time.Duration(300+chance.IntN(1000)) * time.Millisecond)
	}
	if err := s.cluster.awaitHealthy(); err != nil {
		return err
	}
	return s.awaitReady()
}

func (s *seed) healAll() error {
	for _, r := range s.replicas {
		r.resume()
		if err := r.start(); err != nil {
			return err
		}
	}
	return s.cluster.heal()
}

func hold(chance *rand.Rand, least, most int) {
	time.Sleep(time.Duration(least+chance.IntN(most-least)) * time.Millisecond)
}

func (s *seed) faults() []func(*rand.Rand) error {
	all := []func(*rand.Rand) error{s.killReplica, s.pauseReplica, s.killNode, s.pauseNode, s.stepDown, s.link, s.link, s.loseMajority, s.killHealer}
	if faketime != "" {
		all = append(all, s.skewClock)
	}
	if s.cluster.noDisk == nil {
		all = append(all, s.fillDisk)
	}
	return all
}

// strike causes a fault in a process and keeps it for some time.
func (s *seed) strike(chance *rand.Rand, kind string, p *process, harm func(*process), least, most int) error {
	s.history.fault(kind, p.name)
	harm(p)
	hold(chance, least, most)
	return nil
}

func (s *seed) killReplica(chance *rand.Rand) error {
	return s.strike(chance, "replica-killed", &s.replicas[chance.IntN(replicas)].process, (*process).kill, 0, 1000)
}

func (s *seed) pauseReplica(chance *rand.Rand) error {
	return s.strike(chance, "replica-paused", &s.replicas[chance.IntN(replicas)].process, (*process).pause, 500, 4000)
}

// victim picks a node, more often the primary than another one.
func (s *seed) victim(chance *rand.Rand) *node {
	other := chance.IntN(nodes)
	if primary, err := s.cluster.primary(); err == nil && chance.IntN(10) < 7 {
		return s.cluster.nodes[primary]
	}
	return s.cluster.nodes[other]
}

func (s *seed) killNode(chance *rand.Rand) error {
	return s.strike(chance, "mongod-killed", &s.victim(chance).process, (*process).kill, 500, 3000)
}

func (s *seed) pauseNode(chance *rand.Rand) error {
	return s.strike(chance, "mongod-paused", &s.victim(chance).process, (*process).pause, 1000, 7000)
}

func (s *seed) stepDown(chance *rand.Rand) error {
	primary, err := s.cluster.primary()
	if err != nil {
		return nil // no primary
	}
	n := s.cluster.nodes[primary]
	s.history.fault("stepdown", n.name)
	n.admin(bson.D{{Key: "replSetStepDown", Value: 5}, {Key: "secondaryCatchUpPeriodSecs", Value: 2}, {Key: "force", Value: chance.IntN(2) == 0}})
	hold(chance, 500, 2000)
	return nil
}

// link causes a fault in the link from a replica to the primary.
func (s *seed) link(chance *rand.Rand) error {
	mode := refuses + chance.IntN(5)
	primary, err := s.cluster.primary()
	if err != nil {
		return nil
	}
	replica := chance.IntN(replicas)
	names := map[int]string{refuses: "link-cut", swallows: "link-swallows", delays: "link-delayed", halfToServer: "link-half-closed", halfToClient: "link-half-closed"}
	s.history.fault(names[mode], fmt.Sprintf("replica %d to node %d", replica, primary))
	s.cluster.links[replica][primary].set(mode, time.Duration(20+chance.IntN(400))*time.Millisecond)
	hold(chance, 1000, 5000)
	return nil
}

// loseMajority pauses both secondaries, so nobody replicates the primary's writes, and then kills the primary.
func (s *seed) loseMajority(chance *rand.Rand) error {
	primary, err := s.cluster.primary()
	if err != nil {
		return nil
	}
	s.history.fault("majority-lost", fmt.Sprintf("node %d", primary))
	for i, n := range s.cluster.nodes {
		if i != primary {
			n.pause()
		}
	}
	hold(chance, 500, 1500)
	s.cluster.nodes[primary].kill()
	for _, n := range s.cluster.nodes {
		n.resume()
	}
	hold(chance, 3000, 4000)
	return nil
}

func (s *seed) skewClock(chance *rand.Rand) error {
	r := s.replicas[chance.IntN(replicas)]
	r.skew = []string{"-3600s", "-40s", "+40s", "+3600s"}[chance.IntN(4)]
	s.history.fault("clock-skewed", r.name+" "+r.skew)
	r.kill()
	if err := r.start(); err != nil {
		return err
	}
	hold(chance, 4000, 6000)
	r.kill()
	r.skew = ""
	return nil
}

func (s *seed) fillDisk(chance *rand.Rand) error {
	n := s.cluster.nodes[nodes-1]
	s.history.fault("disk-full", n.name)
	if err := n.fillDisk(); err != nil {
		return err
	}
	hold(chance, 2000, 4000)
	return nil
}
