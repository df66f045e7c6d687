#: unflushed
import os

if os.fork():
    os.wait()
    os.system("cat out.txt")
    os._exit(0)

file = open("out.txt", "w")
file.write("unflushed")
#: unflushed_binary
import os

if os.fork():
    os.wait()
    os.system("cat out.bin")
    os._exit(0)

file = open("out.bin", "wb")
file.write(b"unflushed")
#: unflushed_pipe
import os

read, write = os.pipe()
if os.fork() == 0:
    os.close(write)
    os.write(1, os.read(read, 100) or b"nothing")
    os._exit(0)
pipe = open(write, "w")
pipe.write("into the pipe")
#: unflushed_random
import os

if os.fork():
    os.wait()
    os.system("cat out.bin")
    os._exit(0)

file = open("out.bin", "w+b")
file.write(b"unflushed")
#: unflushed_second_stdout
import os

extra = open(1, "w", closefd=False)
extra.write("through the second stream\n")
print("through the first")
#: unflushed_in_function
import os


def write():
    global file
    file = os.fdopen(os.dup(1), "w")
    print("line", file=file)


write()
print("end")
#: closed_with, skipped
with open("out.txt", "w") as file:
    file.write("text")
with open("out.txt") as reader:
    print(reader.read())
#: closed_later, skipped
file = open("out.txt", "wb")
file.write(b"bytes")
file.close()
print(open("out.txt").read())
#: reader_open, skipped
open("in.txt", "w").write("one\ntwo\n")
reader = open("in.txt")
print(reader.readline())
#: stdin_reopened, skipped
reader = open(0)
print(reader.read())
#: stdin_bytes, skipped
import io, os

data = io.BytesIO(os.read(0, 1 << 16))
input = data.readline
print(input())
#: memory_files, skipped
import io

text, data = io.StringIO("one\ntwo"), io.BytesIO(b"three")
print(text.readline(), data.read())
#: memory_file_with_close
import io

text = io.StringIO()
text.close = lambda: print("closed")
#: memory_file_subclass
import io


class Text(io.StringIO):
    def close(self):
        print("closed")
        super().close()


text = Text()
#: raw_subclass
import io


class Raw(io.RawIOBase):
    def writable(self):
        return True

    def write(self, data):
        print("written", bytes(data))
        return len(data)


stream = io.BufferedWriter(Raw())
stream.write(b"unflushed")
#: text_over_memory
import io


class Memory(io.BytesIO):
    def close(self):
        print("content", self.getvalue())
        super().close()


text = io.TextIOWrapper(Memory())
text.write("unflushed")
#: file_with_close_attribute
reader = open("main.py")
reader.close = lambda: print("closed")
#: stdin_with_close_attribute
import sys

sys.stdin.close = lambda: print("closed")
#: stdout_with_flush_attribute
import sys

sys.stdout.flush = lambda: sys.__stderr__.write("flushed\n")
print("text")
#: stdout_replaced
import sys


class Output:
    def __init__(self, stream):
        self.stream = stream

    def write(self, text):
        self.stream.write(text.upper())

    def flush(self):
        self.stream.write("[flush]")
        self.stream.flush()


sys.stdout = Output(sys.stdout)
print("text")
#: stdout_in_memory
import io
import sys

sys.stdout = io.StringIO()
print("never shown")
#: stdout_redirected, skipped
import contextlib
import io

with contextlib.redirect_stdout(io.StringIO()) as captured:
    print("captured")
print(captured.getvalue())
#: stdout_both_replaced, skipped
import os
import sys

sys.stdout = sys.__stdout__ = os.fdopen(os.dup(1), "w")
print("through a copy")
#: stdout_detached
import io
import sys

sys.stdout = io.TextIOWrapper(sys.stdout.detach(), encoding="utf-16-le")
print("wide")
#: stdout_buffer_detached
import sys

buffer = sys.stdout.detach()
buffer.write(b"bytes")
#: stdout_unbuffered
import os
import sys

sys.stdout = os.fdopen(1, "wb", 0)
sys.stdout.write(b"raw")
#: stdout_reconfigured, skipped
import sys

sys.stdout.reconfigure(encoding="latin-1", errors="replace", line_buffering=True)
print("caf\u00e9 \u20ac")
#: stdout_closed
import sys

print("before")
sys.stdout.close()
#: stdout_deleted
import sys

print("before")
del sys.stdout
#: stdout_none
import sys

print("before")
sys.stdout = None
#: stderr_replaced
import sys

sys.stderr = open("errors.txt", "w")
print("into a file", file=sys.stderr)
print("end")
#: stderr_closed
import sys

sys.stderr.close()
print("end")
#: stdout_full_device
import os

os.dup2(os.open("/dev/full", os.O_WRONLY), 1)
print("lost")
#: stdout_descriptor_closed
import os

print("lost")
os.close(1)
#: stdout_pipe_closed
import os

read, write = os.pipe()
os.dup2(write, 1)
os.close(read)
print("lost")
#: stdout_other_file
import os

if os.fork():
    os.wait()
    os.system("cat out.txt")
    os._exit(0)

import sys

sys.stdout.flush()
os.dup2(os.open("out.txt", os.O_RDWR | os.O_CREAT), 1)
print("into the file")
#: standard_streams_copied, skipped
import sys

output, errors = sys.stdout, sys.stderr
write = sys.stdout.write
write("text\n")
#: binary_writer_kept, skipped
import sys

writer = sys.stdout.buffer
writer.write(b"bytes\n")
#: text_writer_on_buffer
import io
import sys

writer = io.TextIOWrapper(sys.stdout.buffer, write_through=False)
writer.write("second wrapper")
#: codec_writer, skipped
import codecs
import sys

writer = codecs.getwriter("utf-8")(sys.stdout.buffer)
writer.write("caf\u00e9")
#: temporary_file
import os

if os.fork():
    os.wait()
    os.system("ls | wc -l")
    os._exit(0)

import tempfile

file = tempfile.NamedTemporaryFile("w", dir=".", delete=True)
file.write("text")
#: temporary_directory
import os

if os.fork():
    os.wait()
    os.system("ls | wc -l")
    os._exit(0)

import tempfile

directory = tempfile.TemporaryDirectory(dir=".")
open(directory.name + "/x", "w").close()
#: zip_file
import os

if os.fork():
    os.wait()
    os.system("tail -c 22 a.zip | od -c")
    os._exit(0)

import zipfile

archive = zipfile.ZipFile("a.zip", "w")
archive.writestr("x", "text")
#: gzip_file
import os

if os.fork():
    os.wait()
    os.system("wc -c < a.gz")
    os._exit(0)

import gzip
file = gzip.open("a.gz", "wt")
file.write("text")
#: csv_writer
import os

if os.fork():
    os.wait()
    os.system("cat a.csv")
    os._exit(0)

import csv
writer = csv.writer(open("a.csv", "w"))
writer.writerow([1, 2])
#: resource_warning
import warnings

warnings.simplefilter("always")
reader = open("main.py")
#: resource_warning_by_list
import warnings

warnings.filters.insert(0, ("always", None, ResourceWarning, None, 0))
reader = open("main.py")
#: resource_warning_by_new_list
import warnings

warnings.filters = [("always", None, ResourceWarning, None, 0)]
reader = open("main.py")
#: scandir_warning
import os
import warnings

warnings.simplefilter("always")
entries = os.scandir(".")
next(entries)
#: scandir, skipped
import os

entries = os.scandir(".")
print(next(entries).name)
#: socket
import socket

one, two = socket.socketpair()
one.send(b"bytes")
print(two.recv(5))
#: socket_warning
import socket
import warnings

warnings.simplefilter("always")
one, two = socket.socketpair()
#: fileinput
import fileinput

for line in fileinput.input():
    print(line, end="")
#: mapped_file, skipped
import mmap

with open("map.bin", "w+b") as file:
    file.write(bytes(4096))
    file.flush()
    mapped = mmap.mmap(file.fileno(), 0)
mapped[0:4] = b"text"
print(open("map.bin", "rb").read(4))
