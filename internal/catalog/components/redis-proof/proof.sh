# Runs in a pod, by sh -eu: writes a value through one node of the Redis Cluster
# and reads it back through it. A key mostly lives on another node than the one
# asked, so redis-cli -c is sent there by the name that this one announces: that
# name, too, must resolve here. The last line printed is the answer.
#
# The clock is /proc/uptime (10 ms), as the image need not have a date command.
now() {
	read -r up _ </proc/uptime
	echo "${up%.*}${up#*.}0"
}

# fail joins what redis-cli printed, which may be several lines, into the last one.
fail() {
	set -f
	# shellcheck disable=SC2086
	echo "$1: "$2
	exit 1
}

# In a young cluster names do not resolve for the first seconds: CoreDNS answers
# only once the API server lets it in. Anything but a missing connection is final.
deadline=$(($(now) + 60000))
while :; do
	answer=$(redis-cli -h "$NODE" PING 2>&1) || true
	case $answer in
	"Could not connect"*) ;;
	*) break ;;
	esac
	if [ "$(now)" -gt "$deadline" ]; then
		fail "no connection to $NODE for 60 s" "$answer"
	fi
	sleep 1
done

key="hyaction:proof:$PROOF_ID"
start=$(now)

answer=$(redis-cli -c -h "$NODE" SET "$key" "$PROOF_ID" EX 60 2>&1) || true
if [ "$answer" != OK ]; then
	fail "SET through $NODE" "$answer"
fi
answer=$(redis-cli -c -h "$NODE" GET "$key" 2>&1) || true
if [ "$answer" != "$PROOF_ID" ]; then
	fail "GET through $NODE: want $PROOF_ID, got" "$answer"
fi
echo "SET and GET through $NODE in $(($(now) - start)) ms"
