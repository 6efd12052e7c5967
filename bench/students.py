"""Students: what a class asks of the server when it opens the page, when everybody drags, and when one of them asks for all of it."""

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import Any

import numpy as np

from bench.wire import Answer, Hung, Line

HOST = "127.0.0.1"
CONNECTIONS = 6  # of one browser to one host
GREEDY = 20  # connections of the one who wants all, a few more than a visitor's requests may wait
REST = 0.01  # seconds until the greedy one asks again after a refusal
NEAR = 2  # grey levels by which a picture may differ when it was decoded among other neighbours

Request = tuple[str, str, bytes]  # method, path, body


@dataclass
class Dragged:
    """Seconds from the moment of each move to its picture, pictures that were another's or broken, moves that were refused or lost."""

    seconds: list[float] = field(default_factory=list)
    wrong: int = 0
    lost: int = 0
    refusals: int = 0  # of the greedy one
    pictures: int = 0  # that the greedy one got


def apart(work: Callable[..., Coroutine], *args) -> Any:
    """Run in a process of its own and give what comes of it: the client must not stand in line with what it measures."""
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        return process.submit(_run, work, args).result()


def _run(work: Callable[..., Coroutine], args: tuple) -> Any:
    return asyncio.run(work(*args))


async def open_pages(port: int, requests: Sequence[Request], talks: Sequence[str], pages: int, seconds: float) -> tuple[list[float], list[str]]:
    """Seconds that each page took to have all its files, and what went wrong. The pages come evenly within `seconds`.

    requests: what a browser asked for, in its order, first the page itself; the rest over six connections as they come free.
    """
    errors: list[str] = []

    async def page(k: int) -> float:
        await asyncio.sleep(k * seconds / pages)
        began = time.perf_counter()
        lines = [Line(HOST, port)]
        todo = iter(requests)
        await _ask(lines[0], next(todo), errors)
        lines += [Line(HOST, port, lines[0].cookie) for _ in range(CONNECTIONS - 1)]

        async def browse(line: Line) -> None:
            for request in todo:
                await _ask(line, request, errors)

        await asyncio.gather(*map(browse, lines))
        for path in talks:
            (await lines[0].talk(path)).close()
        took = time.perf_counter() - began
        for line in lines:
            line.close()
        return took

    return list(await asyncio.gather(*map(page, range(pages)))), errors


async def _ask(line: Line, request: Request, errors: list[str]) -> None:
    method, path, body = request
    try:
        answer = await line.ask(path, method, body)
        if answer.status != 200:
            errors.append(f"{answer.status} {path}")
    except OSError as error:
        errors.append(f"{path}: {error!r}")


async def drag(port: int, model: str, z: np.ndarray, expected: np.ndarray, students: int, seconds: float, rate: float, greedy: bool) -> Dragged:
    """Every student moves `rate` times a second over the latents z [N, D], and each answer is looked at beside expected [N, ...].

    A move's time counts from when the hand moved, also if the one before it is not answered yet.
    """
    found, messages = Dragged(), [row.tobytes() for row in z]
    over = asyncio.Event()
    wanting = [asyncio.create_task(one) for one in await _greedy(port, model, z.shape[1], over, found)] if greedy else []
    await asyncio.gather(*(_student(port, model, messages, expected, k, k / students / rate, int(seconds * rate), 1 / rate, found) for k in range(students)))
    over.set()
    await asyncio.gather(*wanting)
    return found


async def _student(port: int, model: str, messages: list[bytes], expected: np.ndarray, k: int, wait: float, moves: int, pause: float, found: Dragged) -> None:
    line = await arrived(port)
    talk = await line.talk(f"/live/decode/{model}")
    due: deque[tuple[float, int]] = deque()
    loop = asyncio.get_running_loop()

    async def look() -> None:
        for _ in range(moves):
            answer = await talk.receive()
            moved, row = due.popleft()
            found.seconds.append(loop.time() - moved)
            if isinstance(answer, str):
                found.lost += 1
            elif len(answer) != expected[row].size or np.abs(np.frombuffer(answer, np.uint8).astype(int) - expected[row].ravel()).max() > NEAR:
                found.wrong += 1

    looking = asyncio.create_task(look())
    began = loop.time() + wait
    for n in range(moves):
        await asyncio.sleep(began + n * pause - loop.time())
        row = (k * 7919 + n * 31) % len(messages)  # nobody is where another is
        due.append((began + n * pause, row))
        talk.send(messages[row])
    try:
        await asyncio.wait_for(looking, 30)
    except (TimeoutError, Hung):
        found.lost += len(due)
    talk.close()
    line.close()


async def _greedy(port: int, model: str, size: int, over: asyncio.Event, found: Dragged) -> list[Coroutine]:
    """One visitor with many connections, each of which asks for a hundred pictures as soon as it has the last."""
    cookie = (await arrived(port)).cookie
    draw = random.Random(0)

    async def connection() -> None:
        line = Line(HOST, port, cookie)
        while not over.is_set():
            body = np.full((100, size), draw.gauss(0, 1), "<f4").tobytes()  # never the same again
            if (await line.ask(f"/live/decode/{model}?n=100", "POST", body)).status == 200:
                found.pictures += 100
            else:
                found.refusals += 1
                await asyncio.sleep(REST)
        line.close()

    return [connection() for _ in range(GREEDY)]


async def refusal(port: int, path: str, body: bytes, visitors: int, each: int) -> tuple[Answer, float]:
    """The answer to one more request, and its seconds, when so many visitors have asked for long work, each of them so often."""
    cookies = [(await arrived(port)).cookie for _ in range(visitors)]
    lines = [Line(HOST, port, cookie) for cookie in cookies for _ in range(each)]
    waiting = [asyncio.create_task(line.ask(path, "POST", body)) for line in lines]
    one = await arrived(port)
    await asyncio.sleep(2)  # all of them have come in
    began = time.perf_counter()
    answer = await one.ask(path, "POST", body)
    took = time.perf_counter() - began
    for task, line in zip(waiting, lines, strict=True):
        task.cancel()
        line.close()
    await asyncio.gather(*waiting, return_exceptions=True)
    return answer, took


async def arrived(port: int) -> Line:
    """A browser that has asked for something, so that the server knows it again."""
    line = Line(HOST, port)
    await line.ask("/live/catalogue.json")
    return line
