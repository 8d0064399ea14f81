#!/bin/sh
# Stands the components of the profile "bench" up as installation guides do: one
# command after the other, each with its own wait. It prints "== seconds name"
# for each step. Needs: kind, helm, docker-compose, docker in PATH; NAME, MIRROR,
# NODE_IMAGE, CATALOG and BUILTIN (directories of components), WORK (for files).
set -eu

kubectl() { docker exec -i "$NAME-control-plane" kubectl --kubeconfig /etc/kubernetes/admin.conf "$@"; }

now() { read -r up _ </proc/uptime && echo "${up%.*}${up#*.}"; }
step() {
	what=$1
	shift
	start=$(now)
	"$@" >>"$WORK/naive.log" 2>&1 || { echo "$what failed:"; tail -5 "$WORK/naive.log"; exit 1; }
	took=$(($(now) - start))
	echo "== $((took / 100)).$(printf %02d $((took % 100))) $what"
}

networks() {
	docker network inspect kind >/dev/null 2>&1 || docker network create --subnet 172.18.0.0/16 --gateway 172.18.0.1 --ip-range 172.18.0.0/24 kind
	docker network create --subnet 172.19.0.0/16 --gateway 172.19.0.1 infra_net
}

# compose takes FILE... of one service. "up --wait" sees what health checks say, so
# guides have them often: each $INTERVAL. Of 2, 5 and 10 s it took 237, 224 and 229 s
# in all; 2 s is a wait less and more work.
#
# It ends with 1 when a one-shot service has done its work: what counts for the Redis
# Cluster is what it says of itself.
compose() {
	name=$1
	shift
	mkdir -p "$WORK/$name"
	cp "$@" "$WORK/$name" || return 1
	sed -i "s/interval: 30s/interval: $INTERVAL/; s/retries: 3/retries: 30/" "$WORK/$name/compose.yaml"
	docker-compose --project-name "$NAME-$name" --file "$WORK/$name/compose.yaml" up --detach --wait || test "$name" = redis-cluster
}
redis_cluster() {
	# Six nodes: a size's files take the place of the component's.
	compose redis-cluster "$BUILTIN/redis-cluster/redis.conf" "$BUILTIN/redis-cluster/init.sh" "$BUILTIN/redis-cluster/sizes/ha/compose.yaml"
	tries=0
	until docker exec "$NAME-redis-cluster-redis-node-1-1" sh -c 'REDISCLI_AUTH=$(cat /run/secrets/redis-password) redis-cli cluster info' | grep -q cluster_state:ok; do
		tries=$((tries + 1))
		[ "$tries" -lt 30 ] || return 1
		sleep 2
	done
}

cluster() {
	printf 'kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes: [{role: control-plane}, {role: worker}, {role: worker}]\nkubeadmConfigPatches:\n- "kind: KubeletConfiguration\\napiVersion: kubelet.config.k8s.io/v1beta1\\nfailCgroupV1: false\\n"\n' >"$WORK/kind.yaml"
	kind create cluster --name "$NAME" --image "$NODE_IMAGE" --config "$WORK/kind.yaml" --kubeconfig "$WORK/kubeconfig" --wait 5m
	for node in $(kind get nodes --name "$NAME"); do
		for registry in docker.io quay.io; do
			docker exec "$node" sh -c "mkdir -p /etc/containerd/certs.d/$registry && printf '[host.\"$MIRROR\"]\\n' >/etc/containerd/certs.d/$registry/hosts.toml"
		done
		docker network connect infra_net "$node"
	done
	# Its server's address may have moved with the network.
	kubectl wait --for=condition=Ready nodes --all --timeout=5m
}

namespaces() {
	for name in argo-rollouts monitoring shop; do
		kubectl create namespace "$name"
		kubectl label namespace "$name" pod-security.kubernetes.io/enforce=restricted
	done
}

manifests() { # directory, namespace, kind/name to wait for
	cat "$1"/manifests/*.yaml | kubectl apply --server-side --namespace "$2" -f -
	if [ -n "${3:-}" ]; then kubectl rollout status --namespace "$2" --timeout=5m "$3"; fi
}

chart() { # directory, namespace
	kind get kubeconfig --name "$NAME" >"$WORK/kubeconfig"
	helm install "$(basename "$1")" "$1/chart" --kubeconfig "$WORK/kubeconfig" --namespace "$2" --values "$1/values.yaml" --wait --timeout 5m
}

: "${INTERVAL:=5s}"
export REDIS_PASSWORD=benchmark REDIS_IMAGE=docker.io/library/redis:7.0.15 REDIS_SERVER=redis-server INFRA_NET_NAME=infra_net
step networks networks
step redis-cluster redis_cluster
for name in cache sessions history; do step "$name" compose "$name" "$CATALOG/$name/compose.yaml"; done
step kind cluster
step namespaces namespaces
step argo-rollouts manifests "$BUILTIN/argo-rollouts" argo-rollouts deployment/argo-rollouts
step prometheus chart "$BUILTIN/prometheus" monitoring
step carts manifests "$CATALOG/carts" shop statefulset/carts
for name in flags search orders offers; do step "$name" manifests "$CATALOG/$name" shop "deployment/$name"; done
step gossip manifests "$CATALOG/gossip" shop daemonset/gossip
