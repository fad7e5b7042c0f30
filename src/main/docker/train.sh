#!/usr/bin/env bash
# Makes the AOT cache of a packaged application (JDK 25 or newer): runs it once without a database, calls what it answers
# then, and ends it, whereupon the JVM writes what it has learnt. Use the cache with the same JDK, arguments and jars.
#
#   src/main/docker/train.sh [FOLDER [CACHE]]      default: target/quarkus-app, and app.aot in it
set -euo pipefail

folder=${1:-target/quarkus-app}
cache=${2:-$folder/app.aot}
java=${JAVA_HOME:+$JAVA_HOME/bin/}java

# Nobody listens on port 1, so the calls that want the database fail, which is trained too.
export MONGODB_URI='mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=200'
export PORT=0
AUTH_SECRET=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
export AUTH_SECRET
export QUARKUS_HTTP_HOST=127.0.0.1
export QUARKUS_SHUTDOWN_DELAY=0S
export QUARKUS_MONGODB_SERVER_SELECTION_TIMEOUT=200MS

# Sends one request and prints the status of its answer, or nothing.
call() {
  exec 3<>"/dev/tcp/127.0.0.1/$port" || return 0
  printf '%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s' \
    "$1" "$2" 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJub2JvZHkiLCJleHAiOjk5OTk5OTk5OTl9.AA' "${#3}" "$3" >&3
  head -n 1 <&3 | cut -d ' ' -f 2
  exec 3<&- 3>&-
}

: >"$cache.log"
"$java" "@$(dirname "$0")/jvm.options" "-XX:AOTCacheOutput=$cache" -jar "$folder/quarkus-run.jar" >"$cache.log" 2>&1 &
process=$!

for _ in $(seq 600); do
  kill -0 "$process" 2>/dev/null || { cat "$cache.log" >&2; exit 1; }
  port=$(sed -n 's|.*Listening on: http://127.0.0.1:\([0-9]*\).*|\1|p' "$cache.log")
  [ -n "$port" ] && break
  sleep 0.1
done
[ "$(call GET /q/health/live '')" = 200 ]
for _ in $(seq 20); do
  for path in /q/health/ready /q/health/started /q/metrics /q/openapi /api/conversation /api/conversation/training; do
    call GET "$path" '' >/dev/null
  done
  call POST /api/conversation/start '{"messages": [{"content": "training"}]}' >/dev/null
  call POST /api/conversation/training/message '{"content": "training"}' >/dev/null
done

kill -TERM "$process"
wait "$process" || true
[ -s "$cache" ] || { cat "$cache.log" >&2; echo "No cache was made: $java is older than JDK 25?" >&2; exit 1; }
rm "$cache.log"
echo "$cache: $(($(wc -c <"$cache") / 1048576)) MiB"
