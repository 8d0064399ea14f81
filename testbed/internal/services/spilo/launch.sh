#!/bin/sh
# What the stand-in for Spilo starts with: Patroni's configuration from the
# environment, and Patroni as the user postgres, without the variables.
set -eu
home=/home/postgres
mkdir -p "$home/pgdata/pgroot" /run/postgresql
chown postgres:postgres "$home" "$home/pgdata" "$home/pgdata/pgroot" /run/postgresql
run="setpriv --reuid=postgres --regid=postgres --init-groups env -i PATH=$PATH HOME=$home LANG=C.UTF-8"
if [ ! -e "$home/server.key" ]; then
	openssl req -nodes -new -x509 -subj /CN=spilo.dummy.org -keyout "$home/server.key" -out "$home/server.crt" 2>/dev/null
	chown postgres:postgres "$home/server.key" "$home/server.crt"
	chmod 600 "$home/server.key"
fi
python3 /scripts/configure.py >"$home/postgres.yml"
chown postgres:postgres "$home/postgres.yml"
chmod 600 "$home/postgres.yml"
if [ -z "${ETCD3_HOSTS:-}" ]; then
	mkdir -p "$home/etcd"
	chown postgres:postgres "$home/etcd"
	$run etcd --data-dir="$home/etcd" --log-level=error &
fi
exec $run patroni "$home/postgres.yml"
