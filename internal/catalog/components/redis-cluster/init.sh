#!/bin/sh
# Gives the node all slots, once. It looks first:
#
#   whole     it is alone and has all slots: nothing to do
#   fresh     it is alone and has none: give them to it
#   partial   anything else, as when it was one of six: if it holds no key, reset
#             it and go on as with a fresh one; if it does, stop and say so
#
# Only redis-cli, cat and sleep are used.
set -eu

node=redis-node-1
REDISCLI_AUTH=$(cat /run/secrets/redis-password)
export REDISCLI_AUTH

say() { echo "redis-cluster-init: $*"; }

ask() { redis-cli -h "$node" "$@"; }

# try stops at what the server calls an error: redis-cli ends with 0 all the same.
try() {
	answer=$(ask "$@")
	if [ "$answer" != OK ]; then
		say "$*: $answer"
		exit 1
	fi
}

# field INFO NAME prints a value of `cluster info`.
field() {
	rest=${1#*"$2":}
	[ "$rest" != "$1" ] || return 0
	line=${rest%%
*}
	cr=$(printf '\r')
	echo "${line%"$cr"}"
}

# look prints whole, fresh or partial.
look() {
	info=$(ask cluster info)
	case "$(field "$info" cluster_slots_assigned) $(field "$info" cluster_known_nodes)" in
	"16384 1") echo whole ;;
	"0 1") echo fresh ;;
	*) echo partial ;;
	esac
}

tries=0
until [ "$(ask ping 2>/dev/null || true)" = PONG ]; do
	tries=$((tries + 1))
	if [ "$tries" -ge 120 ]; then
		say "$node does not answer after 60 s: $(ask ping 2>&1 || true)"
		exit 1
	fi
	sleep 0.5
done
case $(look) in
whole)
	say "$node has all slots already"
	exit 0
	;;
partial)
	keys=$(ask dbsize)
	if [ "$keys" != 0 ]; then
		say "$node was one of several nodes and holds $keys keys: nothing was changed; save the data, then run platform down and set the platform up again"
		exit 1
	fi
	say "$node was one of several nodes and holds no keys: reset it"
	try cluster reset hard
	;;
esac
try cluster addslotsrange 0 16383
tries=0
until [ "$(field "$(ask cluster info)" cluster_state)" = ok ]; do
	tries=$((tries + 1))
	if [ "$tries" -ge 60 ]; then
		say "$node does not call the cluster whole after 30 s: $(ask cluster info)"
		exit 1
	fi
	sleep 0.5
done
say "$node has all slots"
