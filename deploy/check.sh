#!/bin/sh
# Validates the alert rules with promtool, and the files for Kubernetes and Docker Compose against their schemas. Needs
# PyPI once. HAProxy, nginx and Caddy read their files in the tests of e2e/.
set -eu
command -v promtool >/dev/null || {
    echo "promtool is missing: it is in the package prometheus, whose service is not needed" >&2
    exit 1
}
here=$(cd "$(dirname "$0")" && pwd)
venv=$here/../target/check-deploy
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check kubernetes-validate==1.37.0 compose-spec==0.2.1

promtool check rules "$here/prometheus/alerts.yaml"
promtool test rules "$here/prometheus/alerts_test.yaml"
"$venv/bin/python" "$here/check.py"
