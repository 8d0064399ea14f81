"""Writes Patroni's configuration from Spilo's variables.

It knows those that the catalog's compose files set, with the defaults that
configure_spilo.py of Spilo 4.0-p3 has for what bears on replication and failover.
SPILO_CONFIGURATION goes over everything, as there. What the image of Spilo adds
(extensions, backups, hooks, admin roles) is not here.
"""

import os
import re
import socket

import yaml

env = os.environ
home = "/home/postgres"
pgport, apiport = env.get("PGPORT", "5432"), env.get("APIPORT", "8008")
name = socket.gethostname()
standby = env.get("PGUSER_STANDBY", "standby")


def limit():
    """The container's memory in MiB, or the machine's."""
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            with open(path) as f:
                text = f.read().strip()
        except OSError:
            continue
        if text != "max" and int(text) < 1 << 50:
            return int(text) >> 20
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20


def over(upper, lower):
    """The upper one, with what only the lower one has; lists are taken whole."""
    if isinstance(upper, dict) and isinstance(lower, dict):
        merged = dict(lower)
        for key, value in upper.items():
            merged[key] = over(value, lower[key]) if key in lower else value
        return merged
    return lower if upper is None else upper


def etcd():
    hosts = env.get("ETCD3_HOSTS")
    return {"hosts": yaml.safe_load("[" + hosts + "]")} if hosts else {"host": "127.0.0.1:2379"}


memory = limit()
config = {
    "scope": env.get("SCOPE", "dummy"),
    "namespace": "/service/",
    "name": name,
    "etcd3": etcd(),
    "bootstrap": {
        "dcs": {
            "ttl": 30,
            "loop_wait": 10,
            "retry_timeout": 10,
            "maximum_lag_on_failover": 33554432,
            "postgresql": {
                "use_pg_rewind": True,
                "use_slots": True,
                "parameters": {
                    "archive_mode": "on",
                    "wal_level": "hot_standby",
                    "wal_log_hints": "on",
                    "max_wal_senders": 10,
                    "max_connections": max(100, min(memory // 30, 1000)),
                    "max_replication_slots": 10,
                    "hot_standby": "on",
                },
            },
        },
        "initdb": [{"encoding": "UTF8"}, {"locale": "C.UTF-8"}, "data-checksums"],
    },
    "restapi": {"listen": "0.0.0.0:" + apiport, "connect_address": env.get("RESTAPI_CONNECT_ADDRESS", name + ":" + apiport)},
    "postgresql": {
        "listen": "*:" + pgport,
        "connect_address": env.get("PG_CONNECT_ADDRESS", name + ":" + pgport),
        "data_dir": home + "/pgdata/pgroot/data",
        "bin_dir": "/usr/lib/postgresql/17/bin",
        "pgpass": "/run/postgresql/pgpass",
        "use_unix_socket": True,
        "parameters": {
            "archive_command": "/bin/true",
            "shared_buffers": str(memory // 4) + "MB",
            "unix_socket_directories": "/run/postgresql",
            "ssl": "on",
            "ssl_cert_file": home + "/server.crt",
            "ssl_key_file": home + "/server.key",
        },
        "pg_hba": [
            "local all all trust",
            "host all all 127.0.0.1/32 md5",
            "hostssl replication " + standby + " all md5",
            "host all all all md5" if env.get("ALLOW_NOSSL") else "hostssl all all all md5",
        ],
        "authentication": {
            "superuser": {"username": env.get("PGUSER_SUPERUSER", "postgres"), "password": env.get("PGPASSWORD_SUPERUSER", "zalando")},
            "replication": {"username": standby, "password": env.get("PGPASSWORD_STANDBY", "standby")},
        },
    },
}
if not re.fullmatch(r"[a-z0-9-]+", name):
    raise SystemExit("hostname " + name + ": set hostname, which is Patroni's name of the member")
print(yaml.safe_dump(over(yaml.safe_load(env.get("SPILO_CONFIGURATION", "")), config), default_flow_style=False))
