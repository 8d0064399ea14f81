#!/bin/sh
# Spilo takes passwords from its environment only, and knows no variables that
# name a file. They are put there at the last moment, where docker inspect does
# not look; Spilo itself takes all variables away before it starts Patroni.
set -eu
PGPASSWORD_SUPERUSER=$(cat /run/secrets/postgres-password)
PGPASSWORD_STANDBY=$(cat /run/secrets/postgres-standby-password)
export PGPASSWORD_SUPERUSER PGPASSWORD_STANDBY
# As the image's own CMD: init puts an init process in front.
exec /bin/sh /launch.sh init
