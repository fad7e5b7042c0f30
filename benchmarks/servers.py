"""The measured servers: how to build, start and stop them, and what their processes use."""

import base64
import contextlib
import functools
import hashlib
import hmac
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time
import uuid

from wire import Mongo

ROOT = pathlib.Path(__file__).resolve().parent.parent
JVM_OPTIONS = ROOT / "src" / "main" / "docker" / "jvm.options"
JAR = ROOT / "target" / "quarkus-app" / "quarkus-run.jar"
SECRET = "a-secret-for-the-benchmarks-of-32-bytes-or-more"
OURS, BEFORE = "ours", "before"
TICKS = os.sysconf("SC_CLK_TCK")

# name: (folder, build commands, build product, start command)
PEERS = {
    "go": ("go-nethttp", ["go build -o peer ."], "peer", "./peer"),
    "rust": ("rust-axum", ["cargo build --release"], "target/release/peer-rust-axum", "target/release/peer-rust-axum"),
    "fastify": ("fastify", ["npm install --no-audit --no-fund"], "node_modules", "node server.js"),
    "webflux": ("spring-webflux", ["mvn -B -ntp -q package -DskipTests"], "target/*.jar", "{java} @{jvm} -jar target/*.jar"),
    "old": ("old-app", ["npm install --no-audit --no-fund", "npm run build"], ".next/BUILD_ID",
            "npx next start -H 127.0.0.1 -p $PORT"),
}


def token(subject):
    def part(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    claims = {"sub": subject, "userId": subject, "iat": int(time.time()), "exp": int(time.time()) + 86400}
    head = part(b'{"alg":"HS256","typ":"JWT"}') + b"." + part(json.dumps(claims).encode())
    return (head + b"." + part(hmac.new(SECRET.encode(), head, hashlib.sha256).digest())).decode()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def build(peers, scratch):
    """Builds each peer in a copy and returns the names of those that could be built; prints why others could not."""
    built = []
    for name, (folder, commands, product, _) in PEERS.items():
        if not peers or not (peers / folder).is_dir():
            continue
        copy = scratch / folder
        if not any(copy.glob(product)):
            shutil.copytree(peers / folder, copy, dirs_exist_ok=True)
            for command in commands:
                try:
                    done = subprocess.run(command, shell=True, cwd=copy, capture_output=True, text=True, timeout=900)
                    said = (done.stderr or done.stdout).strip()[-300:]
                except subprocess.TimeoutExpired:
                    said = "it took longer than 15 minutes"
        if any(copy.glob(product)):
            built.append(name)
        else:
            print(f"Skipped: {name}, since the build failed: {said}")
    return built


@functools.cache
def aot_cache(java, jar, scratch):
    """Returns the argument for the image's AOT cache; none if the JDK is older than 25."""
    made = scratch / f"{uuid.uuid4()}.aot"
    home = pathlib.Path(shutil.which(java)).resolve().parent.parent
    done = subprocess.run([JVM_OPTIONS.parent / "train.sh", jar.parent, made], env={**os.environ, "JAVA_HOME": str(home)},
                          capture_output=True, text=True)
    if done.returncode:
        print("No AOT cache: " + (done.stderr.strip().splitlines() or [""])[-1])
        return []
    return [f"-XX:AOTCache={made}"]


class Measured:
    """A measured process with its children."""

    def __init__(self, name, process):
        self.name, self.process = name, process

    def tree(self):
        children = {}
        for entry in pathlib.Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                children.setdefault(int(entry.read_text().rsplit(")", 1)[1].split()[1]), []).append(int(entry.parent.name))
        found = [self.process.pid]
        for pid in found:
            found += children.get(pid, [])
        return found

    def cpu(self):
        """Processor seconds of the server and all its children."""
        used = 0
        for pid in self.tree():
            with contextlib.suppress(OSError):
                fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
                used += int(fields[11]) + int(fields[12])
        return used / TICKS

    def compiling(self):
        """Processor seconds of the JVM's compiler threads; 0 for other servers."""
        used = 0
        for thread in pathlib.Path(f"/proc/{self.process.pid}/task").iterdir():
            with contextlib.suppress(OSError):
                name, fields = (thread / "stat").read_text().split("(", 1)[1].rsplit(")", 1)
                if re.match("C[12] Compiler", name):
                    used += int(fields.split()[11]) + int(fields.split()[12])
        return used / TICKS

    def resident(self):
        """Resident memory in MiB."""
        status = [pathlib.Path(f"/proc/{pid}/status").read_text() for pid in self.tree()]
        return sum(int(re.search(r"VmRSS:\s+(\d+)", text)[1]) for text in status) / 1024


class Server(Measured):
    """An HTTP server; its database has the same name."""

    def __init__(self, name, process, port):
        super().__init__(name, process)
        self.port = port


@contextlib.contextmanager
def running(command, cwd, environment, log):
    with open(log, "w") as output:
        process = subprocess.Popen(
            command, cwd=cwd, env={**os.environ, **environment}, start_new_session=True,
            stdout=output, stderr=output)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)  # a session of its own
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_until(ready, process, log, seconds=120):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError, http.client.HTTPException, RuntimeError):
            if ready():
                return
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise SystemExit(f"a server did not start: {pathlib.Path(log).read_text()[-1500:]}")


class Database(Measured):
    """A running database server and its connection string."""

    def __init__(self, process, port, asked):
        super().__init__("database", process)
        self.port, self.uri = port, f"mongodb://127.0.0.1:{port}/?{asked}w=majority&journal=true"


@contextlib.contextmanager
def mongod(scratch):
    """A replica set of one node."""
    port, data = free_port(), scratch / "data"
    data.mkdir()
    log = scratch / "mongod.log"
    command = ["mongod", "--replSet", "rs0", "--port", str(port), "--dbpath", str(data), "--bind_ip", "127.0.0.1",
               "--wiredTigerCacheSizeGB", "0.5"]
    with running(command, scratch, {}, log) as process:
        wait_until(lambda: Mongo(port).command("admin", {"ping": 1}), process, log)
        mongo = Mongo(port)
        members = [{"_id": 0, "host": f"127.0.0.1:{port}"}]
        mongo.command("admin", {"replSetInitiate": {"_id": "rs0", "members": members}})
        wait_until(lambda: b"\x08ismaster\x00\x01" in mongo.command("admin", {"isMaster": 1}), process, log)
        mongo.close()
        yield Database(process, port, "replicaSet=rs0&")


@contextlib.contextmanager
def embedded(scratch):
    """The embedded server of the tests; its figures mean nothing."""
    port, log = free_port(), scratch / "embedded.log"
    command = ["./mvnw", "-B", "-ntp", "-q", "-Pbenchmarks", "test-compile", "exec:exec",
               "-Dmain=consulting.lmx.conversation.EmbeddedServer", f"-Darguments={port}"]
    with running(command, ROOT, {}, log) as process:
        wait_until(lambda: Mongo(port).command("admin", {"ping": 1}), process, log)
        yield Database(process, port, "")


@contextlib.contextmanager
def server(name, mongo, scratch, java, database=None, jar=JAR, settings=None):
    port, database = free_port(), database or name
    log = scratch / f"{database}.log"
    environment = {
        "MONGODB_URI": mongo.uri, "MONGODB_DB": database, "AUTH_SECRET": SECRET, "PORT": str(port),
        "QUARKUS_HTTP_HOST": "127.0.0.1", "QUARKUS_SHUTDOWN_DELAY": "0S", "HOSTNAME": "127.0.0.1", **(settings or {}),
    }
    ours = name not in PEERS
    if ours:
        cwd, command = scratch, [java, f"@{JVM_OPTIONS}", *aot_cache(java, jar, scratch), "-jar", str(jar)]
    else:
        folder, _, _, start = PEERS[name]
        cwd = scratch / folder
        command = ["sh", "-c", "exec " + start.format(java=java, jvm=JVM_OPTIONS)]
    with running(command, cwd, environment, log) as process:
        def ready():
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", "/q/health/ready" if ours else "/")
            return connection.getresponse().status == 200 or not ours

        wait_until(ready, process, log)
        yield Server(database, process, port)
