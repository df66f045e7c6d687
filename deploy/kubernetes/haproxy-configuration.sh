#!/bin/sh
# Prints deploy/haproxy.cfg with nodes from DNS in place of addresses: haproxy-configuration.sh [SLOTS [NODES]].
set -eu
slots=${1:-4}
nodes=${2:-50}
address=_http._tcp.executor-node.executor.svc.cluster.local
awk -v slots="$slots" -v nodes="$nodes" -v address="$address" '
    /^defaults$/ {
        print "resolvers cluster\n    parse-resolv-conf\n    hold valid 5s\n    accepted_payload_size 8192\n"
    }
    /^    server node-1 .* maxconn/ {
        print "    server-template node- " nodes " " address " resolvers cluster init-addr none maxconn " slots
        next
    }
    /^    server node-1 .* track/ {
        print "    server-template node- " nodes " " address " resolvers cluster init-addr none"
        next
    }
    /^    server node-[0-9]+ / { next }
    # Servers of a template cannot use the checks of another backend.
    /^    balance / && backend != "executor_programs" {
        print
        print "    option httpchk"
        print "    http-check send meth GET uri /readyz ver HTTP/1.1 hdr Host code.example.org"
        print "    http-check expect status 200"
        print "    default-server check inter 2s fall 2 rise 2"
        next
    }
    /^backend / { backend = $2 }
    /bind 127.0.0.1:8405/ { sub("127.0.0.1", "") }
    { print }
' "$(dirname "$0")/../haproxy.cfg"
