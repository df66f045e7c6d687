#: finally_clause
def numbers():
    try:
        yield 1
    finally:
        print("finally")


kept = numbers()
print(next(kept))
#: with_statement
import contextlib


@contextlib.contextmanager
def managed():
    print("enter")
    yield
    print("exit")


def numbers():
    with managed():
        yield 1


kept = numbers()
next(kept)
#: context_manager_entered
import contextlib


@contextlib.contextmanager
def managed():
    try:
        yield 1
    finally:
        print("left")


manager = managed()
manager.__enter__()
#: except_clause
def numbers():
    try:
        yield 1
    except GeneratorExit:
        print("closed")
        raise


kept = numbers()
next(kept)
#: ignores_exit
def numbers():
    while True:
        try:
            yield 1
        except GeneratorExit:
            print("not yet")


kept = numbers()
next(kept)
#: delegated
def inner():
    try:
        yield 1
    finally:
        print("inner finally")


def outer():
    yield from inner()


kept = outer()
next(kept)
#: delegated_to_object
class Numbers:
    def __iter__(self):
        return self

    def __next__(self):
        return 1

    def close(self):
        print("closed")


def outer():
    yield from Numbers()


kept = outer()
next(kept)
#: iterated_inside
def inner():
    try:
        yield 1
        yield 2
    finally:
        print("inner finally")


def outer():
    for number in inner():
        yield number


kept = outer()
next(kept)
#: suspended_without_handlers, skipped
def numbers():
    number = 0
    while True:
        yield number
        number += 1


kept = numbers()
print(next(kept), next(kept))
#: expression_suspended, skipped
kept = (number * 2 for number in range(10))
print(next(kept))
#: not_started, skipped
def numbers():
    try:
        yield 1
    finally:
        print("never")


kept = numbers()
print("created")
#: completed, skipped
def numbers():
    try:
        yield 1
    finally:
        print("finally")


kept = numbers()
print(list(kept))
#: closed, skipped
def numbers():
    try:
        yield 1
    finally:
        print("finally")


kept = numbers()
next(kept)
kept.close()
#: failed, skipped
def numbers():
    yield 1
    raise ValueError


kept = numbers()
try:
    print(*kept)
except ValueError:
    print("failed")
#: in_cycle
def numbers(holder):
    try:
        yield 1
    finally:
        print("finally")


holder = []
holder.append(numbers(holder))
next(holder[0])
del holder
#: local_with_finalizer
class Object:
    def __del__(self):
        print("gone")


def numbers():
    kept = Object()
    yield 1


kept = numbers()
next(kept)
#: coroutine_not_awaited
async def nothing():
    pass


kept = nothing()
#: coroutine_suspended
class Suspend:
    def __await__(self):
        yield


async def wait():
    try:
        await Suspend()
    finally:
        print("finally")


kept = wait()
kept.send(None)
#: coroutine_completed, skipped
async def nothing():
    print("ran")


kept = nothing()
try:
    kept.send(None)
except StopIteration:
    print("completed")
#: asynchronous_generator
async def numbers():
    try:
        yield 1
    finally:
        print("finally")


kept = numbers()
try:
    kept.asend(None).send(None)
except StopIteration as result:
    print(result.value)
#: types_coroutine
import types


@types.coroutine
def wait():
    try:
        yield
    finally:
        print("finally")


async def outer():
    await wait()


kept = outer()
kept.send(None)
#: exit_inside, skipped
import sys


def numbers():
    yield 1
    sys.exit(0)


kept = numbers()
next(kept)
next(kept)
#: exit_stack, skipped
import contextlib

stack = contextlib.ExitStack()
stack.callback(print, "never called")
print("kept")
#: asyncio_run
import asyncio


async def work():
    await asyncio.sleep(0)
    print("worked")


asyncio.run(work())
#: asyncio_pending_task
import asyncio


async def forever():
    try:
        await asyncio.sleep(100)
    finally:
        print("cancelled")


loop = asyncio.new_event_loop()
task = loop.create_task(forever())
loop.run_until_complete(asyncio.sleep(0))
#: asyncio_exception_not_retrieved
import asyncio


async def fail():
    raise ValueError("nobody asks")


loop = asyncio.new_event_loop()
task = loop.create_task(fail())
loop.run_until_complete(asyncio.sleep(0))
#: asyncio_future
import asyncio

loop = asyncio.new_event_loop()
future = loop.create_future()
future.set_exception(ValueError("nobody asks"))
loop.close()
