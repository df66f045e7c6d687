# tries: to reach anything but itself over the network
# threat: a/network
# stopped-by: a network namespace with only its own loopback interface
# any-language: true
# stdout-has: BLOCKED
# after: canary listener saw no packet and no connection
import errno
import socket

targets = [("127.0.0.1", ${CANARY_PORT}), ("127.0.0.1", ${WEBD_PORT}), ("${HOST_IP}", ${CANARY_PORT}),
           ("${HOST_IP}", ${WEBD_PORT}), ("::1", ${CANARY_PORT}), ("169.254.169.254", 80), ("10.0.0.1", 53), ("0.0.0.0", ${CANARY_PORT}),
           ("224.0.0.1", 5353), ("255.255.255.255", 9), ("fe80::1", 80)]
for host, port in targets:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(family, kind) as s:
            s.settimeout(1)
            try:
                s.connect((host, port))
                s.send(b"x")
                if kind == socket.SOCK_STREAM or host not in ("127.0.0.1", "::1", "0.0.0.0"):
                    print("ESCAPED:", host, port)
            except OSError as error:
                print("BLOCKED:", host, port, errno.errorcode.get(error.errno, error))
for name in ("\0${CANARY_ABSTRACT}", "${EXECUTORD_SOCKET}", "/run/executor/executord.sock", "/run/systemd/notify"):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET):
        with socket.socket(socket.AF_UNIX, kind) as s:
            try:
                s.connect(name)
                print("ESCAPED:", repr(name))
            except OSError as error:
                print("BLOCKED:", repr(name), errno.errorcode.get(error.errno, error))
print("BLOCKED: interfaces", [name for _, name in socket.if_nameindex()])
if [name for _, name in socket.if_nameindex()] != ["lo"]:
    print("ESCAPED: more than lo")
