"""A meter of bytes for one conversation with the Hub, and the end of what nobody waits for any more."""

import threading
import time

from huggingface_hub import constants, set_client_factory
from huggingface_hub.utils._http import default_client_factory
from tqdm import tqdm

constants.DOWNLOAD_CHUNK_SIZE = 1 << 16  # the client's own 10 MB: on a slow line no progress, no stop and no sign of life for minutes


class Unlike(ValueError):
    """What came is not what the Hub had said of it; the message names the file and the difference."""


class Meter:
    """Bytes so far of those that were announced (none were, with a total of 0), and when the last sign of life came."""

    def __init__(self, total: int = 0):
        self.began = self.heard = time.monotonic()
        self.done, self.total, self.abandoned = 0, total, False

    def bars(self) -> type[tqdm]:
        """A bar for the client that shows nothing and counts here; it ends a download that nobody waits for any more."""
        meter = self

        class Counting(tqdm):
            def __init__(self, *args, **settings):
                super().__init__(*args, **settings | {"disable": True})
                meter.done += int(settings.get("initial") or 0)  # what an earlier try had brought

            def update(self, n: float | None = 1) -> None:
                meter.done += int(n or 0)
                if meter.done > meter.total:
                    raise Unlike("a file of it has more bytes than were announced")
                self.update_transfer()

            def update_transfer(self, n: float | None = 1) -> None:  # Xet: on the wire, not yet on the disk
                meter.heard = time.monotonic()
                if meter.abandoned:
                    raise TimeoutError("nobody waits for this download any more")

            def set_transfer_postfix_str(self, *args, **settings) -> None:
                """Nothing is shown."""

        return Counting


_asking = threading.local()  # whose meter a thread's requests belong to


def attend(meter: Meter) -> None:
    """From now on the requests of this thread are made for who looks at that meter."""
    _asking.meter = meter


def _heeding():
    """The client's connections, with one rule more: what nobody waits for asks the Hub for nothing else, neither a next step nor once more."""
    def check(request) -> None:
        if (meter := getattr(_asking, "meter", None)) and meter.abandoned:
            raise TimeoutError("nobody waits for this answer any more")

    session = default_client_factory()
    session.event_hooks = session.event_hooks | {"request": [*session.event_hooks["request"], check]}
    return session


set_client_factory(_heeding)
