#!/bin/sh
# A clone of ISOGLOSS_ORIGIN with the DVC remote ISOGLOSS_REMOTE (and its ISOGLOSS_ENDPOINT, where S3 is not Amazon's),
# then the command: `gpu`, `cpu` or `coordinator` for a worker of that pool, anything else as it stands.
set -eu
: "${ISOGLOSS_ORIGIN:?is the git repository that the coordinator pushes to}"
: "${ISOGLOSS_REMOTE:?is the address of the DVC remote, such as s3://isogloss}"
export ISOGLOSS_CLONE="${ISOGLOSS_CLONE:-/srv/isogloss}"
git config --global --add safe.directory '*'
[ -d "$ISOGLOSS_CLONE/.git" ] || git clone --quiet "$ISOGLOSS_ORIGIN" "$ISOGLOSS_CLONE"
cd "$ISOGLOSS_CLONE"
git pull --quiet --ff-only
dvc remote add --local --force --default shared "$ISOGLOSS_REMOTE"
[ -z "${ISOGLOSS_ENDPOINT:-}" ] || dvc remote modify --local shared endpointurl "$ISOGLOSS_ENDPOINT"
case "$1" in
    gpu | cpu | coordinator) exec isogloss worker "$@" ;;
    *) exec "$@" ;;
esac
