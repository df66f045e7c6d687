import asyncio


async def work(number):
    await asyncio.sleep(0.01 * number)
    print("work", number, asyncio.current_task().get_name())
    return number


async def main():
    print(await asyncio.gather(*(work(number) for number in range(3))))
    asyncio.create_task(work(100))
    raise ValueError("from main")


asyncio.run(main())
