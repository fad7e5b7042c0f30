#!/usr/bin/env python3
"""Measures the start, from exec to the first 200 of liveness, with and without the AOT cache, in turn.

    ./mvnw package -DskipTests
    JAVA_HOME=... python3 benchmarks/start.py [--rounds 10]

JAVA_HOME is a JDK 25 or later. src/main/docker/train.sh creates the cache. Both use the image's arguments (jvm.options). No
database is needed, since liveness does not use it. Exits with 1 if the goal is missed.
"""

import argparse
import http.client
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
DOCKER = ROOT / "src" / "main" / "docker"
GOAL = 1 / 3


def start(java, jar, arguments):
    """Returns wall-clock and processor seconds to the first 200, and the resident memory then, in MiB."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = dict(
        os.environ,
        MONGODB_URI="mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=500",
        AUTH_SECRET=os.urandom(32).hex(),
        PORT=str(port),
        QUARKUS_HTTP_HOST="127.0.0.1",
        QUARKUS_SHUTDOWN_DELAY="0S",
    )
    begin = time.perf_counter()
    process = subprocess.Popen(
        [java, f"@{DOCKER / 'jvm.options'}", *arguments, "-jar", jar],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not is_live(port):
            if process.poll() is not None:
                sys.exit(f"The service exited with {process.returncode}")
            time.sleep(0.002)
        seconds = time.perf_counter() - begin
        fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        ticks = os.sysconf("SC_CLK_TCK")
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
        resident = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return seconds, (int(fields[11]) + int(fields[12])) / ticks, int(resident.split()[1]) / 1024
    finally:
        process.terminate()
        process.wait()


def is_live(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/q/health/live")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def show(name, starts):
    print(f"{name:14} {statistics.median(s for s, _, _ in starts):7.2f} s "
          f"{statistics.median(c for _, c, _ in starts):7.2f} s processor "
          f"{statistics.median(m for _, _, m in starts):6.0f} MiB")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--folder", type=pathlib.Path, default=ROOT / "target" / "quarkus-app")
    options = parser.parse_args()
    java = str(pathlib.Path(os.environ["JAVA_HOME"]) / "bin" / "java")
    jar = str(options.folder / "quarkus-run.jar")
    with tempfile.TemporaryDirectory() as scratch:
        cache = pathlib.Path(scratch) / "app.aot"
        subprocess.run([DOCKER / "train.sh", options.folder, cache], check=True)
        without, with_cache = [], []
        for _ in range(options.rounds):
            without.append(start(java, jar, []))
            with_cache.append(start(java, jar, [f"-XX:AOTCache={cache}"]))
    show("without", without)
    show("with", with_cache)
    ratio = statistics.median(s for s, _, _ in with_cache) / statistics.median(s for s, _, _ in without)
    print(f"ratio {ratio:.2f}, goal {GOAL:.2f}")
    return 0 if ratio <= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
