"""What tests of a class share: where students are, how a page of theirs talks, and a class that is served."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from starlette.middleware import Middleware
from websockets.sync.client import ClientConnection, connect

from genmodels.ui.addresses import network_addresses
from genmodels.ui.classroom import Classroom
from genmodels.ui.live.routes import LiveRoutes
from genmodels.ui.serve import Running, launch
from genmodels.ui.theme import ASSETS

WAIT = 60  # seconds that a message may take on a busy machine


def outside() -> str:
    """This machine's address as a student's machine knows it: what comes from there does not sit here."""
    found = network_addresses()
    if not found:
        pytest.skip("this machine is in no network, so it has no address but its own loopback")
    return found[0]


@contextmanager
def served(blocks, engine, port: int, data_dir, assets=ASSETS, **options) -> Iterator[tuple[Classroom, Running]]:
    """A class on a port of all addresses; options: of the classroom, and `look` of the page."""
    look = options.pop("look", None)
    room = Classroom(port, **options)
    running = launch(blocks, host=room.host, port=port, data_dir=data_dir, look=look,
                     middleware=[Middleware(LiveRoutes, engine=engine, assets=assets, roads={"class": room})])
    yield room, running
    running.close()


class Talk:
    """A page's web socket: what it was told so far is in `knows`."""

    def __init__(self, socket: ClientConnection):
        self.socket, self.knows, self.messages = socket, {}, []

    def says(self, **message) -> None:
        self.socket.send(json.dumps(message))

    def hears(self, **expected) -> dict:
        """Wait until it has been told this; AssertionError with what it knows if that does not come."""
        while any(self.knows.get(name, ...) != value for name, value in expected.items()):
            try:
                self.messages.append(json.loads(self.socket.recv(timeout=WAIT)))
            except TimeoutError:
                raise AssertionError(f"{expected} never came; it knows {self.knows}") from None
            self.knows |= self.messages[-1]
        return self.knows

    def leads(self, view: str, key: str = "k", **more) -> None:
        self.says(lead=key, view=view, **more)


@contextmanager
def page(host: str, port: int, query: str = "", origin: str | None = None) -> Iterator[Talk]:
    """An open page of somebody who reaches this machine as `host`."""
    with connect(f"ws://{host}:{port}/live/class/follow{query}", origin=origin or f"http://{host}:{port}", proxy=None) as socket:
        talk = Talk(socket)
        talk.hears(leads=False)
        yield talk
