#!/bin/sh
# Build the image that the pipelines run, from the wheel of this checkout, try it, and push it to MIGRATE_REPOSITORY
# (an address without a tag). The tag is the commit; a checkout with changes of its own is refused. Registries name the
# digest of what was pushed in the last line: write ADDRESS@sha256:… into MIGRATE_IMAGE.
set -eu
cd "$(dirname "$0")/../.."
if [ -n "$(git status --porcelain)" ]; then
  echo "error: The checkout has changes that no commit holds, so that no tag could name what is in the image." >&2
  echo "do:    Commit them, or build in a fresh clone." >&2
  exit 64
fi
image="$MIGRATE_REPOSITORY:$(git rev-parse --short=12 HEAD)"
docker build --tag "$image" .
docker run --rm "$image" --version
docker push "$image"
