#!/usr/bin/env bash
# tests/api/run.sh [EXAMPLES] [SECONDS]: holds billing, ingestion and allocation against the OpenAPI documents that they serve.
# Needs schemathesis (`pip install schemathesis`; $SCHEMATHESIS is its path where it is not on PATH), a token of all roles in
# $TOKEN, and a running `incasso run` with the addresses of services/incasso/incasso.example.toml or $BILLING, $INGESTION,
# $ALLOCATION. It writes: use databases and topics of its own.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
: "${TOKEN:?a bearer token with all roles}"
examples=${1:-50} seconds=${2:-300}
export SCHEMATHESIS_HOOKS=hooks PYTHONPATH=$PWD

python3 seed.py
failed=0
for url in "${BILLING:-http://127.0.0.1:8081}" "${INGESTION:-http://127.0.0.1:8082}" "${ALLOCATION:-http://127.0.0.1:8083}"; do
    "${SCHEMATHESIS:-schemathesis}" --config-file schemathesis.toml run "$url/openapi.json" \
        --header "Authorization: Bearer $TOKEN" --checks all --max-examples "$examples" --max-time "$seconds" || failed=1
done
exit "$failed"
