package main

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// check returns all violations in a history. final contains the messages of each conversation at the end.
func check(h *history, final map[string][]string) []string {
	var wrong []string
	say := func(format string, values ...any) { wrong = append(wrong, fmt.Sprintf(format, values...)) }
	byConversation := map[string][]*call{}
	for _, c := range h.Calls {
		if c.Completed == 0 && c.Kind != "truncate" { // it has one attempt
			say("a call was never answered: %s of client %d to %s", c.Kind, c.Client, c.Conversation)
		}
		byConversation[c.Conversation] = append(byConversation[c.Conversation], c)
	}
	for conversation, calls := range byConversation {
		messages := final[conversation]
		truncated := slices.ContainsFunc(calls, func(c *call) bool { return c.Kind == "truncate" })
		wrong = append(wrong, checkAppends(conversation, calls, messages, truncated)...)
		if !truncated {
			wrong = append(wrong, checkReads(conversation, calls, messages)...)
		}
		if !linearizable(calls, messages) {
			say("the calls of %s are not linearizable", conversation)
		}
	}
	for conversation := range h.Events {
		heard, failure := h.seen(conversation)
		switch {
		case failure != "":
			say("the listener of %s received %s", conversation, failure)
		case len(heard) < len(final[conversation]):
			say("the listener of %s received %d of %d messages", conversation, len(heard), len(final[conversation]))
		case !slices.Equal(heard, final[conversation]):
			say("the listener of %s received other messages", conversation)
		}
	}
	return wrong
}

// checkAppends finds messages that nobody sent, or that are duplicate, and acknowledged messages that are missing or at another
// index. The model finds the latter if the conversation was truncated.
func checkAppends(conversation string, calls []*call, messages []string, truncated bool) []string {
	var wrong []string
	places := map[string][]int{}
	for i, content := range messages {
		places[content] = append(places[content], i)
	}
	for _, c := range calls {
		if c.Kind != "append" {
			continue
		}
		for i, content := range c.Contents {
			at := places[content]
			delete(places, content)
			switch {
			case len(at) > 1:
				wrong = append(wrong, fmt.Sprintf("%s is in %s %d times", content, conversation, len(at)))
			case c.Completed == 0 || truncated:
			case len(at) == 0:
				wrong = append(wrong, fmt.Sprintf("%s was acknowledged and is not in %s", content, conversation))
			case at[0] != c.Index+i:
				wrong = append(wrong, fmt.Sprintf("%s was acknowledged at %d of %s and is at %d", content, c.Index+i, conversation, at[0]))
			}
		}
	}
	for content := range places {
		wrong = append(wrong, fmt.Sprintf("%q is in %s and nobody sent it", content, conversation))
	}
	return wrong
}

// checkReads finds reads that returned no prefix, or less than their caller was acknowledged before.
func checkReads(conversation string, calls []*call, messages []string) []string {
	var wrong []string
	type done struct {
		at    int64
		index int
	}
	acknowledged := map[string][]done{}
	for _, c := range calls {
		if c.Kind == "append" && c.Completed > 0 {
			acknowledged[c.User] = append(acknowledged[c.User], done{c.Completed, c.Index + len(c.Contents) - 1})
		}
	}
	for _, dones := range acknowledged {
		sort.Slice(dones, func(i, j int) bool { return dones[i].at < dones[j].at })
	}
	for _, c := range calls {
		if c.Kind != "read" || c.Completed == 0 {
			continue
		}
		if len(c.Read) > len(messages) || !slices.Equal(c.Read, messages[:len(c.Read)]) {
			wrong = append(wrong, fmt.Sprintf("a read of %s returned no prefix of the stored messages", conversation))
		}
		for _, d := range acknowledged[c.User] {
			if d.at < c.Invoked && d.index >= len(c.Read) {
				wrong = append(wrong, fmt.Sprintf("a read of %s at %.3f s returned %d messages, after its caller was acknowledged index %d at %.3f s",
					conversation, float64(c.Invoked)/1e9, len(c.Read), d.index, float64(d.at)/1e9))
				break
			}
		}
	}
	return wrong
}

// stored is the state of the model: the contents of all messages, each with a line end.
type stored string

func (c stored) messages() []string {
	return slices.Collect(strings.Lines(string(c)))
}

func (c stored) with(contents []string) stored {
	for _, content := range contents {
		c += stored(content + "\n")
	}
	return c
}

// truncated returns the conversation with its first messages.
func (c stored) truncated(from int) stored {
	return stored(strings.Join(c.messages()[:from], ""))
}

const unknown = -1

// model is a conversation with appends, truncations, views and reads. A call without an answer may have had no effect.
var model = porcupine.NondeterministicModel{
	Init: func() []any { return []any{stored("")} },
	Step: func(state, input, _ any) []any {
		now, c := state.(stored), input.(*call)
		count := strings.Count(string(now), "\n")
		switch c.Kind {
		case "append":
			after := now.with(c.Contents)
			if c.Index == unknown {
				return []any{now, after}
			}
			if c.Index != count {
				return nil
			}
			return []any{after}
		case "truncate":
			if c.Count == unknown {
				if c.Index >= count {
					return []any{now}
				}
				return []any{now, now.truncated(c.Index)}
			}
			if c.Index+c.Count != count {
				return nil
			}
			return []any{now.truncated(c.Index)}
		default: // it saw the last messages
			all := now.messages()
			if c.Count != count || len(c.Read) > count || stored("").with(c.Read) != stored(strings.Join(all[count-len(c.Read):], "")) {
				return nil
			}
			return []any{now}
		}
	},
}

func linearizable(calls []*call, messages []string) bool {
	var last int64
	var operations []porcupine.Operation
	add := func(c *call, end int64) {
		operations = append(operations, porcupine.Operation{ClientId: c.Client, Input: c, Call: c.Invoked, Return: end})
	}
	truncated := slices.ContainsFunc(calls, func(c *call) bool { return c.Kind == "truncate" })
	for _, c := range calls {
		last = max(last, c.Invoked, c.Completed)
	}
	for _, c := range calls {
		switch {
		case c.Kind == "read" || c.Kind == "rejected": // a read consists of pages, so it is not atomic
		case c.Completed > 0:
			add(c, c.Completed)
			if truncated && c.Kind == "append" && c.Attempts > 1 { // the first attempt may have been truncated, and its key with it
				first := *c
				first.Index = unknown
				add(&first, c.Completed)
			}
		case c.Kind == "append": // may have taken effect at any time, or never
			first := *c
			first.Index = unknown
			add(&first, last+1)
		case c.Kind == "truncate":
			add(c, last+1)
		}
	}
	end := &call{Client: 1000, Kind: "view", Read: messages, Count: len(messages), Invoked: last + 2}
	add(end, last+3)
	return porcupine.CheckOperationsTimeout(model.ToModel(), operations, time.Minute) == porcupine.Ok
}
