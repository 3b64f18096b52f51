#!/usr/bin/env bash
# The images that docker-compose.yml names: official ones where a registry answers; else stand-ins
# of the same names, entry points and variables, from Debian's packages and Maven Central's jars.
# Then ours, from wheels: building it needs no network. `build.sh kafka postgres` makes only these.
set -euo pipefail
cd "$(dirname "$0")/../.."

#: Some 400 MB on a slow line.
PULL_LIMIT_SECONDS=900
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/odori
PYTHON=${PYTHON:-.venv/bin/python}

docker info >/dev/null 2>&1 || {
  echo "no Docker engine answers; infra/images/engine.sh starts one" >&2
  exit 1
}
# Debian's engine has the classic builder only
docker buildx version >/dev/null 2>&1 || export DOCKER_BUILDKIT=0

is_official() {
  local label='{{index .Config.Labels "odori.stand-in"}}'
  [[ ! $(docker image inspect -f "$label" "$1" 2>/dev/null || echo none) ]]
}

wants() { [[ $wanted == "  " || $wanted == *" $1 "* ]]; }

offline=
pulled() { # one that cannot be pulled tells of all that follow
  [[ ! $offline ]] && timeout "$PULL_LIMIT_SECONDS" docker pull -q "$1" >/dev/null 2>&1 && return
  offline=1
  false
}

jars() { # what tests/services/NAME.pom.xml names, fetched once, for the tests as well
  [[ -d $CACHE/$1-$2 ]] && return
  mkdir -p "$CACHE"
  local part
  part=$(mktemp -d -p "$CACHE")
  mvn -q -B -ntp -f "tests/services/$1.pom.xml" "-D$1.version=$2" -DincludeScope=runtime \
    "-DoutputDirectory=$part/lib" dependency:copy-dependencies
  mv -T "$part/lib" "$CACHE/$1-$2" && rmdir "$part"
}

image() { # NAME FOLDER [VERSION OF JARS]
  wants "$2" || return 0
  local how=official
  if ! is_official "$1" && ! pulled "$1"; then
    how="a stand-in"
    docker image inspect debian:bookworm-slim >/dev/null 2>&1 || infra/images/debian/make.sh
    if [[ ${3:-} ]]; then
      jars "$2" "$3"
      tar -c -C "infra/images/$2" . -C "$CACHE" --transform "s,^$2-$3,libs," "$2-$3"
    else
      tar -c -C "infra/images/$2" .
    fi | built --label odori.stand-in=yes -t "$1" -
  fi
  say "$1" "$how"
}

built() { # says something when it fails only: the classic builder complains of its age
  local said
  said=$(docker build -q "$@" 2>&1) || { echo "$said" >&2; return 1; }
}

say() {
  printf '%-28s %-11s %5d MB\n' "$1" "$2" $(($(docker image inspect -f '{{.Size}}' "$1") / 1000000))
}

ours() {
  wants odori || return 0
  rm -rf dist/wheels
  "$PYTHON" -m build --wheel --no-isolation --outdir dist/wheels . >/dev/null
  local platforms=() machine
  machine=$(docker version -f '{{.Server.Arch}}' | sed 's/amd64/x86_64/; s/arm64/aarch64/')
  for tag in manylinux2014 manylinux_2_17 manylinux_2_28; do
    platforms+=(--platform "${tag}_$machine")
  done
  # for the image's Python, whichever runs here
  "$PYTHON" -m pip --disable-pip-version-check --quiet download --dest dist/wheels \
    --require-hashes -r requirements.lock --only-binary :all: --python-version 3.11 \
    --implementation cp "${platforms[@]}"
  built -t odori .
  say odori ours
}

wanted=" $* "
image python:3.11-slim python
image postgres:15.14 postgres
image apache/kafka:4.1.0 kafka 4.1.0
image cassandra:5.0.5 cassandra 5.0.5
image haproxy:2.6.12 haproxy
image prom/prometheus:v2.42.0 prometheus
image prom/alertmanager:v0.25.0 alertmanager
ours
