import asyncio


async def never():
    pass


async def main():
    never()

    async def fail():
        raise KeyError("lost")

    task = asyncio.create_task(fail())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    del task


asyncio.run(main())
