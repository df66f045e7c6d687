import multiprocessing
import os


def square(number):
    return number * number, __name__


if __name__ == "__main__":
    print(multiprocessing.get_start_method())
    with multiprocessing.Pool(2) as pool:
        print(pool.map(square, range(5)))
    for method in ("fork", "spawn", "forkserver"):
        context = multiprocessing.get_context(method)
        queue = context.Queue()
        process = context.Process(target=queue.put, args=(method,))
        process.start()
        print(queue.get(), process.join(), process.exitcode)
