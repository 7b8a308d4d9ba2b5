#!/bin/sh
# Takes from packages (in the folder $1) their own tests and their debug symbols, 125 MB of which are PyBullet's. Libraries
# that were patched into wheels (*.libs) stay as they are: strip may break those.
set -eu
cd "$1"
find . -type d -name tests -prune -exec rm -r {} +
find . -name '*.so' -not -path '*.libs/*' -exec strip --strip-debug {} +
