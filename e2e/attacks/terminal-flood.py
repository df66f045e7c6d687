# tries: to hold memory that no process is charged for in the buffers of a terminal that is not read
# threat: a/terminal
# stopped-by: one terminal per sandbox, with kernel buffers of about 20 KiB in each direction
# tty: true
# parallel: 8
# limits: wall_ms=4000
# status: ok, output_limit
# during: kernel memory grows by less than 8 MiB
import os
import termios

attributes = termios.tcgetattr(0)
attributes[3] &= ~termios.ICANON
termios.tcsetattr(0, termios.TCSANOW, attributes)
os.set_blocking(1, False)
terminal = os.open("/dev/tty", os.O_RDWR | os.O_NONBLOCK)
for descriptor in range(terminal + 1, 200):
    os.dup2(terminal, descriptor)
for round in range(10_000):
    for descriptor in (1, terminal, 100, 199):
        try:
            os.write(descriptor, b"\x1b[6n" * 1024)
        except BlockingIOError:
            pass
os.set_blocking(1, True)
print("BLOCKED: it is as large as it is")
