#!/usr/bin/env bash
# Makes the database once, as the POSTGRES_* variables say, then serves it; runs any other command.
set -euo pipefail

[[ ${1:-postgres} == -* ]] && set -- postgres "$@"
(($#)) || set -- postgres
[[ $1 == postgres ]] || exec "$@"

if ((EUID == 0)); then
  install -d -o postgres -g postgres -m 700 "$PGDATA"
  exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi

user=${POSTGRES_USER:-postgres}
database=${POSTGRES_DB:-$user}
authentication=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}

ask() { psql --no-psqlrc --quiet -v ON_ERROR_STOP=1 -U "$user" "$@"; }

prepare() { # everything in /docker-entrypoint-initdb.d, by name
  local file
  for file in /docker-entrypoint-initdb.d/*; do
    case $file in
      *.sql) ask -d "$database" -f "$file" ;;
      *.sql.gz) gzip -dc "$file" | ask -d "$database" ;;
      *.sh) [[ -x $file ]] && "$file" || . "$file" ;;
    esac
  done
}

if [[ ! -s $PGDATA/PG_VERSION ]]; then
  if [[ ! ${POSTGRES_PASSWORD:-} && $authentication != trust ]]; then
    echo "POSTGRES_PASSWORD is not set; POSTGRES_HOST_AUTH_METHOD=trust does without one" >&2
    exit 1
  fi
  # shellcheck disable=SC2086 # several words
  initdb -D "$PGDATA" -U "$user" ${POSTGRES_PASSWORD:+--pwfile=<(echo "$POSTGRES_PASSWORD")} \
    ${POSTGRES_INITDB_ARGS:-}
  export PGPASSWORD=${POSTGRES_PASSWORD:-}
  echo "host all all all $authentication" >>"$PGDATA/pg_hba.conf"
  # on its socket only: nobody shall take it for the one that stays
  pg_ctl -D "$PGDATA" -w -o "-c listen_addresses=''" start
  [[ $database == postgres ]] || ask -d postgres -v name="$database" <<<'CREATE DATABASE :"name"'
  prepare
  pg_ctl -D "$PGDATA" -w -m fast stop
  unset PGPASSWORD
fi
exec "$@"
