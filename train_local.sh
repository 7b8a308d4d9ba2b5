#!/usr/bin/env bash
# The 2019 sample's spelling of `make train`: train_local.sh -c CONFIG -n WORKERS
set -euo pipefail

usage() { echo "usage: bash train_local.sh -c CONFIG -n WORKERS" >&2; exit 2; }

config="" workers=""
while getopts "c:n:" option; do
  case "$option" in
    c) config=$(realpath "$OPTARG") ;;
    n) workers=$OPTARG ;;
    *) usage ;;
  esac
done
[[ -n "$config" ]] || usage
[[ -z "$workers" || "$workers" =~ ^[1-9][0-9]*$ ]] || usage
exec make --no-print-directory -C "$(dirname "$0")" train CONFIG="$config" ${workers:+WORKERS="$workers"}
