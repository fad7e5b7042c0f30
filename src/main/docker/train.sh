#!/usr/bin/env bash
# Creates the AOT cache of a packaged application (JDK 25 or later). It runs the application once without a database, calls
# it, and stops it; then the JVM writes the cache. Use the cache with the same JDK, arguments and jars.
#
#   src/main/docker/train.sh [FOLDER [CACHE]]      default: target/quarkus-app, and app.aot in it
set -euo pipefail

folder=${1:-target/quarkus-app}
cache=${2:-$folder/app.aot}
java=${JAVA_HOME:+$JAVA_HOME/bin/}java

# Nothing listens on port 1, so calls reach the driver and fail there at once. The gate is open, so that they get that far; a
# call starts the check of stored conversations.
export MONGODB_URI=mongodb://127.0.0.1:1/
export QUARKUS_MONGODB_SERVER_SELECTION_TIMEOUT=2MS
export CONVERSATIONS_INTEGRITY_ON_START=off
export PORT=0
export QUARKUS_HTTP_HOST=127.0.0.1
export QUARKUS_SHUTDOWN_DELAY=0S
# This secret and its token are public and used nowhere else.
export AUTH_SECRET=for-the-training-run-alone-32-bytes
token=eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ0cmFpbmluZyIsImdyb3VwcyI6WyJhZG1pbiJdLCJleHAiOjk5OTk5OTk5OTl9.rslYD6QjO6qUCNRjeOws1aZYZ10z1eiTc4ZPRBmwWSM

# Sends one request and prints the status of its answer, or nothing.
call() {
  exec 3<>"/dev/tcp/127.0.0.1/$port" || return 0
  printf '%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s' \
    "$1" "$2" "$token" "${#3}" "$3" >&3
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
[ "$(call GET /api/conversation '')" = 503 ] # a rejected token would train less
[ "$(call POST /api/admin/integrity/heal '{}')" = 202 ]
for _ in $(seq 100); do
  for path in /q/health/ready /q/health/started /q/metrics /api/conversation /api/conversation/training \
    /api/conversation/training/messages /api/session/training /api/admin/integrity; do
    call GET "$path" '' >/dev/null
  done
  call POST /api/conversation/start '{"messages": [{"content": "training"}]}' >/dev/null
  call POST /api/conversation/training/message '{"content": "training"}' >/dev/null
done
call GET /q/openapi '' >/dev/null

kill -TERM "$process"
wait "$process" || true
[ -s "$cache" ] || { cat "$cache.log" >&2; echo "No cache was created. Is $java older than JDK 25?" >&2; exit 1; }
rm "$cache.log"
echo "$cache: $(($(wc -c <"$cache") / 1048576)) MiB"
