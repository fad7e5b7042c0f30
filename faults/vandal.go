package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// oldOfEach is the number of broken conversations of each user before the replicas start.
const oldOfEach = 300

func newChance(seed int64, of uint64) *rand.Rand { return rand.New(rand.NewPCG(uint64(seed), of)) }

func oldId(user string, n int) string { return fmt.Sprintf("old-%s-%d", user, n) }

// broken returns an invalid sessionId of the old application. Blank ones differ, so a unique index accepts them.
func broken(n int, unique bool) (any, bool) {
	kinds := 5
	if unique {
		kinds = 3
	}
	switch n % kinds {
	case 0:
		return fmt.Sprintf("%*s", 1+n, ""), true
	case 1:
		return n, true
	case 2:
		return bson.Binary{Subtype: 4, Data: []byte(fmt.Sprintf("%016d", n))}, true
	case 3:
		return nil, true
	default:
		return nil, false
	}
}

func oldDocument(id, user string, n int, unique bool) bson.D {
	now := time.Now()
	document := bson.D{{Key: "conversationId", Value: id}, {Key: "userId", Value: user}, {Key: "messages", Value: bson.A{}},
		{Key: "createdAt", Value: now}, {Key: "updatedAt", Value: now}}
	if value, there := broken(n, unique); there {
		document = append(document, bson.E{Key: "sessionId", Value: value})
	}
	return document
}

func (s *seed) insertOld() error {
	var documents []any
	for _, u := range s.users {
		for n := range oldOfEach {
			documents = append(documents, oldDocument(oldId(u.name, n), u.name, n, false))
		}
	}
	_, err := s.database.Collection("conversations").InsertMany(context.Background(), documents)
	return err
}

func short() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), 3*time.Second)
}

var stillBroken = bson.D{{Key: "$or", Value: bson.A{
	bson.M{"sessionId": bson.M{"$not": bson.M{"$type": "string"}}},
	bson.M{"sessionId": bson.M{"$regex": `^\s*$`}}}}}

// mend is the owner of broken documents, who repairs some during the heal. Their acknowledged values must stay.
func (s *seed) mend() {
	chance := newChance(s.number, 51)
	conversations := s.database.Collection("conversations")
	for s.listening.Err() == nil {
		time.Sleep(5 * time.Millisecond)
		ctx, cancel := short()
		var ids []struct {
			ID any `bson:"_id"`
		}
		cursor, err := conversations.Find(ctx, stillBroken, options.Find().SetProjection(bson.M{"_id": 1}).SetLimit(200))
		if err == nil {
			err = cursor.All(ctx, &ids)
		}
		cancel()
		if err != nil || len(ids) == 0 {
			time.Sleep(100 * time.Millisecond)
			continue
		}
		for range 4 {
			id := ids[chance.IntN(len(ids))].ID
			session := fmt.Sprintf("mended-%d-%d", s.number, chance.Int64())
			ctx, cancel := short()
			result, err := conversations.UpdateOne(ctx, bson.D{{Key: "_id", Value: id}, stillBroken[0]},
				bson.M{"$set": bson.M{"sessionId": session}})
			cancel()
			if err == nil && result.ModifiedCount == 1 {
				s.mended[id] = session
			}
		}
	}
}

// vandalize inserts documents that violate the invariant, past the service.
func (s *seed) vandalize() {
	conversations := s.database.Collection("conversations")
	for n := 0; s.listening.Err() == nil; n++ {
		ctx, cancel := short()
		_, err := conversations.InsertOne(ctx, oldDocument(fmt.Sprintf("vandal-%d", n), "vandal", n, false))
		cancel()
		if err == nil {
			s.history.violation("the database accepted the invalid document %d", n)
			return
		}
		if exception, ok := err.(mongo.WriteException); ok && exception.HasErrorCode(121) {
			s.history.Refused++
		}
		time.Sleep(30 * time.Millisecond)
	}
}

// dropIndexes removes the defence against two callers that create the same conversation.
func (s *seed) dropIndexes() {
	for s.listening.Err() == nil {
		ctx, cancel := short()
		specifications, err := s.database.Collection("conversations").Indexes().ListSpecifications(ctx)
		if err == nil {
			for _, index := range specifications {
				if index.Unique != nil && *index.Unique {
					s.database.Collection("conversations").Indexes().DropOne(ctx, index.Name)
				}
			}
		}
		cancel()
		time.Sleep(100 * time.Millisecond)
	}
}

func (s *seed) healer() *process {
	return &process{name: "healer", log: filepath.Join(s.folder, fmt.Sprintf("healer-%d.log", s.number)), command: func() *exec.Cmd {
		cmd := exec.Command(s.jvm.java, "-Xmx64m", "-XX:+UseSerialGC", "-jar", s.jvm.jar, "heal", "--batch-size", "20", "--max-rate", "200")
		cmd.Env = s.environment()
		return cmd
	}}
}

// killHealer breaks documents past the validator, starts a heal, and kills it in the middle.
func (s *seed) killHealer(chance *rand.Rand) error {
	var documents []any
	for n := range 600 {
		documents = append(documents, oldDocument(fmt.Sprintf("bypassed-%d-%d", len(s.history.Faults), n), "bypasser", 1000*len(s.history.Faults)+n, true))
	}
	conversations := s.database.Collection("conversations")
	ctx, cancel := short()
	defer cancel()
	if _, err := conversations.InsertMany(ctx, documents, options.InsertMany().SetBypassDocumentValidation(true).SetOrdered(false)); err != nil {
		s.history.fault("healer-insert-failed", err.Error())
		return nil
	}
	heal := s.healer()
	if err := heal.start(); err != nil {
		return err
	}
	atLeast := int64(50 + chance.IntN(200))
	within(8*time.Second, func() error {
		ctx, cancel := short()
		defer cancel()
		n, err := conversations.CountDocuments(ctx, bson.M{"userId": "bypasser", "sessionIdRepair": bson.M{"$exists": true}})
		if err == nil && n < atLeast {
			err = fmt.Errorf("%d are healed", n)
		}
		return err
	})
	heal.kill()
	s.history.fault("healer-killed", "")
	return nil
}
