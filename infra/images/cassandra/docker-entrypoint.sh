#!/usr/bin/env bash
# Writes what CASSANDRA_* variables say into the settings, then serves; runs any other command.
set -euo pipefail

[[ ${1:--f} == -* ]] && set -- cassandra "$@"
[[ $1 == cassandra ]] || exec "$@"

if ((EUID == 0)); then
  chown -R cassandra:cassandra "$CASSANDRA_CONF" /var/lib/cassandra /var/log/cassandra
  exec setpriv --reuid=cassandra --regid=cassandra --init-groups "$0" "$@"
fi

own() { # the address that others reach this container at
  local addresses
  read -ra addresses < <(hostname -i)
  echo "${addresses[0]}"
}

: "${CASSANDRA_LISTEN_ADDRESS:=auto}" "${CASSANDRA_RPC_ADDRESS:=0.0.0.0}"
[[ $CASSANDRA_LISTEN_ADDRESS == auto ]] && CASSANDRA_LISTEN_ADDRESS=$(own)
: "${CASSANDRA_BROADCAST_ADDRESS:=$CASSANDRA_LISTEN_ADDRESS}"
[[ $CASSANDRA_BROADCAST_ADDRESS == auto ]] && CASSANDRA_BROADCAST_ADDRESS=$(own)
: "${CASSANDRA_BROADCAST_RPC_ADDRESS:=$CASSANDRA_BROADCAST_ADDRESS}"
: "${CASSANDRA_SEEDS:=$CASSANDRA_BROADCAST_ADDRESS}"

settings=$CASSANDRA_CONF/cassandra.yaml
for key in cluster_name num_tokens endpoint_snitch listen_address rpc_address broadcast_address \
  broadcast_rpc_address; do
  name=CASSANDRA_${key^^}
  [[ ${!name:-} ]] || continue
  # in place of the file's own, without a second file: its folder may belong to another
  rest=$(grep -v "^$key:" "$settings")
  printf '%s\n%s: %s\n' "$rest" "$key" "${!name}" >"$settings"
done
rest=$(sed "s/- seeds:.*/- seeds: \"$CASSANDRA_SEEDS\"/" "$settings")
echo "$rest" >"$settings"
printf 'dc=%s\nrack=%s\n' "${CASSANDRA_DC:-dc1}" "${CASSANDRA_RACK:-rack1}" \
  >"$CASSANDRA_CONF/cassandra-rackdc.properties"
exec "$@"
