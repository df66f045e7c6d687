#!/bin/sh
# Installs the TypeScript compiler and Node's types for every user of this host. Needs root and the network.
set -eu
npm install --global --no-fund --no-audit typescript@7.0.2 @types/node@20.19.43
