"""How a run is brought to an end within seconds: it is asked first, and the worker process is ended where it does not listen."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from .bell import Bell
from .caps import Refused
from .errands import Errands
from .lock import Lock, Locked, held
from .process import Keeper
from .runs import ENDS, UNFINISHED, Run

TERM_AFTER, KILL_AFTER = 0.8, 3.0  # seconds after which a stop is no longer a request


class Endings:
    """The server's side of stopping and pausing."""

    def __init__(self, keeper: Keeper, bell: Bell, errands: Errands):
        self.keeper, self.bell, self.errands = keeper, bell, errands

    def end(self, run: Run, wish: str) -> None:
        """Bring a run to the state that a wish, "stop" or "pause", asks for. RuntimeError where a process that is not ours holds on to it."""
        if run.about["state"] not in UNFINISHED:
            return
        run.ask(wish)
        asked = time.monotonic()
        self.bell.ring()
        self.keeper.warm()
        process = self.keeper.process
        if self._ended(run, wish, asked + TERM_AFTER):
            return
        process.terminate()
        if self._ended(run, wish, asked + KILL_AFTER):
            return
        process.kill()
        process.wait()
        if not self._ended(run, wish, time.monotonic() + TERM_AFTER):
            raise RuntimeError(f"{run.name} could not be stopped: another program trains it.")

    @contextmanager
    def held(self, run: Run) -> Iterator[None]:
        """With the run's lock, as soon as whoever has it is done. Refused where that takes long."""
        try:
            with held(run.folder / "lock", KILL_AFTER):
                yield
        except Locked:
            raise Refused("This training is busy just now. Please try again in a moment.") from None

    def _ended(self, run: Run, wish: str, until: float) -> bool:
        """Whether the run ends before the time is over. One that no process holds is ended here."""
        while run.about["state"] in UNFINISHED and time.monotonic() < until:
            try:
                lock = Lock(run.folder / "lock")
            except Locked:
                time.sleep(0.02)
                continue
            if run.about["state"] in UNFINISHED:
                run.write(state=ENDS[wish])  # the wish stays, for a worker that is about to begin it
                if (run.folder / "state").exists():  # there is something that nobody has made a checkpoint of
                    self.errands.leave("publish", {"name": run.name})
            lock.release()
        return run.about["state"] not in UNFINISHED
