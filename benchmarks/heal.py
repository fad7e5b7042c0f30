#!/usr/bin/env python3
"""Compares the heal with the old application's script and with the server's own bound, in one run on the same data.

usage: heal.py --uri MONGODB_URI [--documents 120000] [--rounds 3] [--java JAVA] [--ways old,bound,ours,ours-1000]

`ours` runs like the heal Job (src/main/kubernetes/jobs/heal/job.yml); `ours-N` uses batches of N.

The bound is one server-side updateMany with a pipeline that generates ids and repair records, so it sends nothing over the
wire. All three write with w=majority, journaled. Each heals its own database, which is created for each round and then
dropped. Rounds are interleaved, and ratios are of the medians.

Needs pymongo (4.13 for a mongod 4.2), Node with npm (for the old script), and the packaged jar (./mvnw package -DskipTests).
"""
import argparse, datetime, json, os, pathlib, random, re, statistics, subprocess, tempfile, time, uuid
from pymongo import MongoClient, WriteConcern

HERE = pathlib.Path(__file__).resolve().parent
SOURCES = HERE.parent / "src" / "main"
JAR = HERE.parent / "target" / "quarkus-app" / "quarkus-run.jar"
BROKEN = {"$or": [{"sessionId": None}, {"sessionId": {"$exists": False}}]}

arguments = argparse.ArgumentParser()
arguments.add_argument("--uri", required=True)
arguments.add_argument("--documents", type=int, default=120_000)
arguments.add_argument("--rounds", type=int, default=3)
arguments.add_argument("--java", default="java")
arguments.add_argument("--ways", default="old,bound,ours")
a = arguments.parse_args()
mongo = MongoClient(a.uri)
majority = WriteConcern(w="majority", j=True)


def seed(database):
    """Inserts documents; a quarter has null and a quarter no sessionId."""
    mongo.drop_database(database)
    chance = random.Random(1)
    now = datetime.datetime.now(datetime.timezone.utc)
    batch = []
    for i in range(a.documents):
        document = {"conversationId": str(uuid.UUID(int=chance.getrandbits(128))), "userId": f"user-{i % 500}",
                    "messages": [{"role": "user", "content": "How do I reset my password, please?", "timestamp": now}] * 2,
                    "createdAt": now, "updatedAt": now, "__v": 1}
        if i % 2:
            document["sessionId"] = str(uuid.UUID(int=chance.getrandbits(128)))
        elif i % 4 == 0:
            document["sessionId"] = None
        batch.append(document)
        if len(batch) == 5000 or i == a.documents - 1:
            mongo[database].conversations.insert_many(batch)
            batch = []
    mongo.admin.command("fsync")  # so that no measurement includes writes of the seeding


def old(database):
    environment = dict(os.environ, MONGODB_URI=with_majority(a.uri), MONGODB_DB=database, NODE_MODULES_OF=node_modules)
    return float(subprocess.run(["node", HERE / "old-script.mjs"], env=environment, check=True, capture_output=True, text=True).stdout)


def with_majority(uri):
    return uri + ("&" if "?" in uri else "?" if "/" in uri[10:] else "/?") + "w=majority&journal=true"


def bound(database):
    conversations = mongo[database].get_collection("conversations", write_concern=majority)
    started = time.perf_counter()
    conversations.update_many(BROKEN, [{"$set": {
        "sessionId": {"$concat": [{"$toString": "$_id"}, "-server-made"]},
        "updatedAt": "$$NOW",
        "sessionIdRepair": {"reason": {"$cond": [{"$eq": [{"$type": "$sessionId"}, "missing"]}, "missing", "null"]},
                            "at": "$$NOW", "run": "bound"}}}])
    return time.perf_counter() - started


def ours(database, *options):
    environment = dict(os.environ, MONGODB_URI=a.uri, MONGODB_DB=database)
    run = subprocess.run([*command_of_the_job(), "heal", "--json", *options], env=environment, check=True, capture_output=True, text=True)
    report = json.loads(run.stdout)
    assert report["healed"] == a.documents // 2 and report["left"] == 0, report
    return report["seconds"]


def command_of_the_job():
    job = (SOURCES / "kubernetes" / "jobs" / "heal" / "job.yml").read_text()
    here = {"java": a.java, "@/app/jvm.options": f"@{SOURCES / 'docker' / 'jvm.options'}", "/app/quarkus-run.jar": str(JAR)}
    words = re.search(r"command: \[(.*)\]", job).group(1).split(", ")
    return [here.get(word, word) for word in (word.strip('"') for word in words)]


def in_batches(name):
    return lambda database: ours(database, "--batch-size", name.removeprefix("ours-"))


ways = {name: {"old": old, "bound": bound, "ours": ours}.get(name) or in_batches(name) for name in a.ways.split(",")}
node_modules = tempfile.mkdtemp(prefix="heal-benchmark")
if "old" in ways:
    subprocess.run(["npm", "install", "--silent", "--prefix", node_modules, "mongodb@6"], check=True)
times = {name: [] for name in ways}
for _ in range(a.rounds):
    for name, way in ways.items():
        database = f"heal-benchmark-{name}"
        seed(database)
        times[name].append(way(database))
        left = mongo[database].conversations.count_documents(BROKEN)
        assert left == 0, f"{name} left {left}"
        mongo.drop_database(database)
medians = {name: statistics.median(seconds) for name, seconds in times.items()}
version = mongo.server_info()["version"]
print(f"{a.documents} documents, half broken, mongod {version}, {os.cpu_count()} cores, medians of {a.rounds} rounds")
for name, median in medians.items():
    print(f"  {name:9} {a.documents // 2 / median:8.0f} documents a second   {['%.2f' % s for s in times[name]]}")
if "ours" in medians:
    for other in medians:
        if other != "ours":
            print(f"  ours is {medians[other] / medians['ours']:.2f} of {other}")
