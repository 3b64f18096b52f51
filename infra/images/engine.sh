#!/usr/bin/env bash
# A Docker engine where none answers: from Debian, as root, started by hand (without systemd).
set -euo pipefail

#: A quiet machine needs less than one.
START_LIMIT_SECONDS=60
LOG=${TMPDIR:-/tmp}/odori-dockerd.log

missing=()
command -v docker >/dev/null || missing+=(docker.io)
docker compose version >/dev/null 2>&1 || command -v docker-compose >/dev/null ||
  missing+=(docker-compose)
if ! docker info >/dev/null 2>&1; then
  command -v dockerd >/dev/null || missing+=(docker.io iptables)
  command -v debootstrap >/dev/null || missing+=(debootstrap)
fi
if ((${#missing[@]})); then
  apt-get update -qq
  export DEBIAN_FRONTEND=noninteractive
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
docker info >/dev/null 2>&1 && exit

# it outlives this script, and the terminal
setsid dockerd </dev/null >"$LOG" 2>&1 &
engine=$!
for ((i = 0; i < START_LIMIT_SECONDS * 4; i++)); do
  if docker info >/dev/null 2>&1; then
    echo "Docker engine $(docker version -f '{{.Server.Version}}') started (pid $engine, $LOG)"
    exit
  fi
  kill -0 "$engine" 2>/dev/null || break
  sleep 0.25
done
echo "The Docker engine does not start here:" >&2
tail -n 5 "$LOG" >&2
exit 1
