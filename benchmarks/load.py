"""Load with wrk, and single calls."""

import http.client
import json
import pathlib
import random
import re
import subprocess
import time

from servers import token

UNITS = {"us": 0.001, "ms": 1, "s": 1000, "m": 60000}
TEXT = "How do I reset my password, please?"
START = {"messages": [{"role": "assistant", "content": "Hello, how can I help?"}]}


class Client:
    """One keep-alive connection."""

    def __init__(self, server, subject="caller"):
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        self.headers = {"Cookie": f"auth-token={token(subject)}", "Content-Type": "application/json"}

    def call(self, method, path, body=None):
        self.connection.request(method, path, None if body is None else json.dumps(body), self.headers)
        response = self.connection.getresponse()
        text = response.read()
        if response.status >= 300:
            raise SystemExit(f"{method} {path} was answered {response.status}: {text[:300]!r}")
        return json.loads(text)

    def timed(self, method, path, body=None):
        begin = time.perf_counter()
        self.call(method, path, body)
        return (time.perf_counter() - begin) * 1000

    def start(self):
        return self.call("POST", "/api/conversation/start", START)["conversationId"]


def started(server, count):
    """Starts conversations with one message and returns their ids."""
    client = Client(server)
    return [client.start() for _ in range(count)]


def script(route, server, conversations, pause=0, make=started):
    """Returns a Lua script for wrk. `message` and `get` use new conversations in turn, so these stay short."""
    headers = f'{{["Content-Type"]="application/json",["Cookie"]="auth-token={token("caller")}"}}'
    lua = [f"local h={headers}"]
    if route == "start":
        lua.append(f"request=function() return wrk.format('POST','/api/conversation/start',h,'{{}}') end")
    else:
        ids = make(server, conversations)
        random.shuffle(ids)
        lua.append("local ids={" + ",".join(f'"{i}"' for i in ids) + "} local n=0")
        tail, method, body = {
            "message": ("/message", "POST", json.dumps(json.dumps({"role": "user", "content": TEXT}))),
            "get": ("", "GET", "nil"),
        }[route]
        lua.append(f"request=function() n=n+1 return wrk.format('{method}',"
                   f"'/api/conversation/'..ids[n%#ids+1]..'{tail}',h,{body}) end")
    if pause:
        lua.append(f"delay=function() return math.random(0,{int(2 * pause)}) end")
    return "\n".join(lua)


class Result:
    def __init__(self, said, seconds):
        self.requests = int(re.search(r"(\d+) requests in", said)[1])
        refused = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
        if refused:
            raise SystemExit(f"{refused[1]} of {self.requests} requests were rejected")
        self.rate = max(1, self.requests) / seconds
        self.median, self.p99 = (self.latency(said, part) for part in ("50", "99"))

    @staticmethod
    def latency(said, part):
        """Milliseconds; 0.001 if no answer came in time."""
        number, unit = re.search(part + r"%\s+([\d.]+)(us|ms|s|m)", said).groups()
        return max(0.001, float(number) * UNITS[unit])


def wrk(lua, server, scratch, seconds, connections):
    path = pathlib.Path(scratch) / "load.lua"
    path.write_text(lua)
    done = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "--latency", "-s", str(path),
         f"http://127.0.0.1:{server.port}/"], capture_output=True, text=True, timeout=seconds + 60)
    if "requests in" not in done.stdout:
        raise SystemExit(f"wrk failed: {done.stdout}{done.stderr}")
    return Result(done.stdout, seconds)
