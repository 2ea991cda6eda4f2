"""Async views, each awkward in its own way."""

import asyncio
import logging

from asgiref.sync import async_to_sync, sync_to_async
from django.contrib.auth import aauthenticate, alogin
from django.http import HttpResponse, JsonResponse, StreamingHttpResponse

from aura_logging import outgoing_headers, run_in_context

log = logging.getLogger("site.views")


async def plain(request):
    """Touch neither the user nor the session."""
    log.info("in the view")
    return HttpResponse("plain")


async def echo(request):
    """Log again and again who is being served, giving way to others in between."""
    expected = request.headers["X-Request-ID"]
    for _ in range(3):
        log.info("echo", extra={"expected": expected})
        await asyncio.sleep(0.001)
    return JsonResponse({"id": expected, "outgoing": outgoing_headers()["X-Request-ID"]})


async def boom(request):
    """Fail."""
    raise ValueError("boom")


async def debugged(request):
    """Say in debug lines what it does, in tasks and in threads, then end as it is told."""
    log.debug("looking", extra={"step": 1})
    await asyncio.gather(*(sync_to_async(log.debug)("looking elsewhere") for _ in range(3)))
    if request.GET.get("end") == "boom":
        raise ValueError("boom")
    return HttpResponse(status=int(request.GET.get("end", "200")))


async def slow(request):
    """Wait until the client has lost its patience."""
    log.info("waiting")
    await asyncio.sleep(30)
    return HttpResponse("too late")


async def whoami(request):
    """Ask for the user as async views must."""
    user = await request.auser()
    return JsonResponse({"user": str(user)})


async def sign_in(request):
    """Log in."""
    await alogin(request, await aauthenticate(request, username="ada", password="ada"))
    return HttpResponse("hello")


async def gather(request):
    """Work in forty tasks at once; the first record of the request is one of theirs."""

    async def work(number):
        await asyncio.sleep(0)
        log.info("subtask", extra={"number": number})

    await asyncio.gather(*(work(number) for number in range(40)))
    return HttpResponse("gathered")


async def nest(request):
    """Change between threads and loops three times, and use the loop's executor."""

    async def innermost():
        log.info("nested", extra={"where": "innermost"})

    def inner():
        log.info("nested", extra={"where": "inner"})
        async_to_sync(innermost)()

    await sync_to_async(inner)()
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(None, run_in_context(lambda: log.info("nested", extra={"where": "executor"})))
    log.info("nested", extra={"where": "view"})
    return HttpResponse("nested")


async def _parts(count):
    for number in range(count):
        log.info("streaming part", extra={"part": number})
        yield b"part"
        await asyncio.sleep(0)


async def stream(request):
    """Stream four parts, and log in each."""
    return StreamingHttpResponse(_parts(4))


async def stream_raises(request):
    """Fail in mid-stream."""

    async def parts():
        yield b"first"
        raise OSError("the file went away")

    return StreamingHttpResponse(parts())


async def stream_endless(request):
    """Stream until nobody listens."""

    async def parts():
        try:
            while True:
                yield b"x" * 1_024
                await asyncio.sleep(0.005)
        finally:
            log.info("stream given up")

    return StreamingHttpResponse(parts())


async def outlive(request):
    """Start a task that is at work after the response has gone."""

    async def late():
        await asyncio.sleep(0.05)
        log.info("late task")

    tasks.add(task := asyncio.create_task(late()))
    task.add_done_callback(tasks.discard)
    return HttpResponse("more is to come")


tasks = set()
