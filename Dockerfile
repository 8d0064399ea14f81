# hyaction for use inside a cluster, such as a gate that runs as a Job. The
# actions do not use it: a container cannot reach the runner's Docker networks.
# The bases are named by tag, so that a build takes their newest fixes; whoever wants
# the same bytes again writes the digest behind it (docker buildx imagetools inspect
# golang:1.26-bookworm says it), which Dependabot then renews as it does the tag.
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false \
    -ldflags "-s -w -X github.com/buenhyden/hy-home/internal/version.number=${VERSION}" \
    -o /hyaction ./cmd/hyaction

FROM debian:bookworm-slim
# git is what bump-image pushes with.
RUN apt-get update && \
    apt-get install -y --no-install-recommends ca-certificates git && \
    rm -rf /var/lib/apt/lists/*
# Pods that prove an existing cluster start it by its path.
COPY --from=build /hyaction /hyaction
RUN ln -s /hyaction /usr/local/bin/hyaction
USER 65532:65532
ENV HOME=/tmp
ENTRYPOINT ["hyaction"]
