#!/bin/sh
# init.sh NODE... makes the nodes one cluster, once: one with all slots, or several
# with a replica for each master. It looks at every node first:
#
#   whole     all slots, all nodes known and reached everywhere, as many replicas as
#             masters: nothing to do
#   fresh     no node knows another or holds a slot: create the cluster
#   partial   anything else, as an interrupted run or another size leaves it: if no
#             node holds a key, reset them all and create; if one does, stop and say so
#
# A cluster that was restarted is partial for some seconds, so it gets time to
# become whole first. Its nodes know each other by address: where all of them were
# made again at once, they have to be told the new ones. Only redis-cli, cat and
# sleep are used.
set -eu

nodes=$*
count=$#
masters=$(((count + 1) / 2))
REDISCLI_AUTH=$(cat /run/secrets/redis-password)
export REDISCLI_AUTH

say() { echo "redis-cluster-init: $*"; }

ask() { # ask NODE COMMAND...
	node=$1
	shift
	redis-cli -h "$node" "$@"
}

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

wait_for_all() {
	for node in $nodes; do
		tries=0
		until [ "$(ask "$node" ping 2>/dev/null || true)" = PONG ]; do
			tries=$((tries + 1))
			if [ "$tries" -ge 120 ]; then
				say "$node does not answer after 60 s: $(ask "$node" ping 2>&1 || true)"
				exit 1
			fi
			sleep 0.5 # until its next look, 120 of them: 60 s
		done
	done
}

# look prints whole, fresh or partial. Each node is asked once, by one process.
look() {
	whole=1
	fresh=1
	replicas=0
	for node in $nodes; do
		info=$(printf 'cluster nodes\ncluster info\n' | ask "$node")
		table=${info%%cluster_state:*}
		known=$(field "$info" cluster_known_nodes)
		slots=$(field "$info" cluster_slots_assigned)
		size=$(field "$info" cluster_size)
		state=$(field "$info" cluster_state)
		[ "$state $slots $known $size" = "ok 16384 $count $masters" ] || whole=0
		# For some seconds a node goes on to count on those that it cannot reach.
		case $table in
		*fail* | *noaddr* | *handshake* | *disconnected*) whole=0 ;;
		esac
		case $table in
		*myself,slave*) replicas=$((replicas + 1)) ;;
		esac
		[ "$slots $known" = "0 1" ] || fresh=0
	done
	if [ "$whole" = 1 ] && [ "$replicas" = "$((count - masters))" ]; then
		echo whole
	elif [ "$fresh" = 1 ]; then
		echo fresh
	else
		echo partial
	fi
}

# address prints a node's IP: CLUSTER MEET takes no names. The server tells the
# address that this connection came in on, so no resolver tool is needed.
address() {
	info=$(ask "$1" client info)
	info=${info#*laddr=}
	echo "${info%:*}" | { read -r laddr _; echo "${laddr%%:*}"; }
}

# meet tells every node where each other one is now.
meet() {
	for other in $nodes; do
		at=$(address "$other")
		for node in $nodes; do
			[ "$node" = "$other" ] || ask "$node" cluster meet "$at" 6379 >/dev/null
		done
	done
}

create() {
	if [ "$count" = 1 ]; then # redis-cli wants three masters
		try "$nodes" cluster addslotsrange 0 16383
		return
	fi
	targets=
	for node in $nodes; do
		targets="$targets $(address "$node"):6379"
	done
	# shellcheck disable=SC2086 # one argument per node
	redis-cli --cluster create $targets --cluster-replicas 1 --cluster-yes
}

reset() {
	for node in $nodes; do
		keys=$(ask "$node" dbsize)
		if [ "$keys" != 0 ]; then
			say "the cluster is half made, or was of another size, and $node holds $keys keys: nothing was changed; save the data, then run platform down and set the platform up again"
			exit 1
		fi
	done
	say "the cluster is half made, or was of another size, and holds no keys: reset and make it again"
	for node in $nodes; do
		try "$node" cluster reset hard
	done
}

wait_for_all
state=$(look)
tries=0
while [ "$state" = partial ] && [ "$tries" -lt 60 ]; do
	tries=$((tries + 1))
	[ "$tries" != 4 ] || meet # before they call each other failed, which is after 5 s
	sleep 0.5 # until its next look, 60 of them: 30 s
	state=$(look)
done
case $state in
whole)
	say "the cluster is whole already"
	exit 0
	;;
partial) reset ;;
esac
create
tries=0
until [ "$(look)" = whole ]; do
	tries=$((tries + 1))
	if [ "$tries" -ge 60 ]; then
		say "the cluster is not whole 30 s after it was made: $(ask "$1" cluster info)"
		exit 1
	fi
	sleep 0.5 # until its next look, 60 of them: 30 s
done
say "the cluster is whole"
