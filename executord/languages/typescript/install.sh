#!/bin/sh
# Installs the TypeScript compiler and the types of Node for all users of this host. Requires root and the network.
set -eu
npm install --global --no-fund --no-audit typescript@7.0.2 @types/node@20.19.43
