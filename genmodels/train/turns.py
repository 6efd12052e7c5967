"""The worker process, which trains the runs of several people in turns: python -m genmodels.train.turns RUNS --data FOLDER --checkpoints FOLDER

It learns everything from the run folders and writes everything there. It leaves, with all runs saved and still
marked as running, when its standard input ends (the server closed it or died), or at SIGTERM; the next worker goes on.
"""

import argparse
import os
import signal
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import torch

from .bell import Bell
from .desk import Desk
from .errands import Errands
from .lock import Lock, Locked
from .loop import CannotGoOn, Progress
from .queue import Queue
from .runs import ENDS, UNFINISHED, Run
from .sets import Sets, own_sets
from .training import Training

SLICE = 2.0  # seconds that one owner trains before the next one does, where there are few
ROUND, SHORTEST = 5.0, 0.5  # seconds in which everybody should have had a turn, and the shortest turn
GLANCE = 0.1  # seconds between looks at what others ask for
REST = 2.0  # seconds between looks at all runs where nobody rings
TELL_EVERY = 1.0  # seconds between two sentences about pictures on their way
DEATHS = 3  # times a run may take the process down with it before it is given up


class Worker:
    def __init__(self, folder: Path, data: Path | None, device: str, leaving: threading.Event, checkpoints: Path | None = None):
        self.queue, self.device, self.leaving = Queue(folder), device, leaving
        self.turns: dict[str, tuple[Training, Iterator[Progress]]] = {}  # by owner; the first one is next
        self.unsaid: dict[str, tuple[Run, str]] = {}  # runs that paused because not even their run.json could be written
        self.awaited: dict[str, tuple[float, str]] = {}  # runs whose pictures are on their way: when and what their run.json was told
        self._sets = Sets(data, device, checkpoints, own_sets(folder).folder)
        self._errands, self._bell = Errands(folder), Bell(folder)
        self._desk = Desk(Path(folder), self._sets, device, self._errands.leave)
        self._turn = Path(folder) / ".turn"  # names the run being trained: where the process dies, it is the suspect

    def serve(self) -> None:
        """Train until told to leave."""
        self._blame()
        while not self.leaving.is_set():
            self._look()
            if self._errands.waiting():
                self._suspect(None)
                self._errands.serve(self._desk.tasks)
            if self.turns:
                owner = next(iter(self.turns))
                training, steps = self.turns.pop(owner)
                self._suspect(training.run.name)
                if self._slice(training, steps):
                    self.turns[owner] = training, steps
            else:
                self._suspect(None)
                self._rest()
        for training, _ in self.turns.values():
            try:
                wish = training.run.asked()
                training.stop(ENDS[wish]) if wish else training.suspend()
            except (CannotGoOn, OSError) as error:  # the state saved before is there to go on from
                self._explain(training.run, str(error))
        self._suspect(None)

    def _rest(self) -> None:
        """Do nothing until somebody asks for something, pictures may have come, or it is time to look anyway."""
        end = time.monotonic() + (GLANCE if self.awaited or self.unsaid else REST)
        while not (self.leaving.wait(GLANCE / 4) or self._bell.heard() or time.monotonic() > end):
            pass

    def _slice(self, training: Training, steps: Iterator[Progress]) -> bool:
        """Train for a slice; whether there is more to do. It ends early where anybody asks for something."""
        end = time.monotonic() + (min(SLICE, max(SHORTEST, ROUND / len(self.turns))) if self.turns else SLICE)
        glance = time.monotonic() + GLANCE
        try:
            for _ in steps:
                now = time.monotonic()
                if wish := training.run.asked():
                    training.stop(ENDS[wish])
                    return False
                if now > glance:
                    glance = now + GLANCE
                    if self.leaving.is_set() or self._bell.heard() or any(other.run.asked() for other, _ in self.turns.values()):
                        return True
                if now > end:
                    return True
        except CannotGoOn as error:
            self._explain(training.run, str(error))
        return False

    def _look(self) -> None:
        """Fulfil wishes to stop or pause, and let every owner's oldest run begin."""
        self._bell.heard()  # what was asked for so far is seen now
        for name, (run, why) in list(self.unsaid.items()):
            try:
                if run.folder.exists():
                    run.ended("paused", why=why)
                del self.unsaid[name]
            except OSError:
                continue  # still no room; the next look tries again
        trained = {training.run.name: owner for owner, (training, _) in self.turns.items()}
        waiting = set()  # owners whose turn it is as soon as the pictures are there
        for run, about in self.queue.unfinished():
            if run.name in self.unsaid:
                continue
            if wish := run.asked():
                self._stop(run, trained.get(run.name), ENDS[wish])
            elif about["owner"] not in {*self.turns, *waiting} and not self.leaving.is_set():
                self._begin(run, about)
                waiting |= {about["owner"]} if run.name in self.awaited else set()

    def _stop(self, run: Run, owner: str | None, state: str) -> None:
        self.awaited.pop(run.name, None)
        try:
            if owner is not None:
                self.turns.pop(owner)[0].stop(state)
                return
            lock = Lock(run.folder / "lock")
            try:
                if run.asked():  # nobody has taken the wish back meanwhile
                    run.ended(state)
            finally:
                lock.release()
        except Locked:
            return  # another process trains it, or the server has just ended it
        except (CannotGoOn, OSError) as error:
            self._explain(run, str(error))

    def _begin(self, run: Run, about: dict) -> None:
        """Give a run its place in the turns, or say in its run.json why it cannot have one, or not yet."""
        try:
            if about.get("deaths", 0) >= DEATHS:
                raise ValueError(f"The training process died {DEATHS} times while it trained this. A smaller net or batch may help.")
            if run.about["state"] not in UNFINISHED:
                return
            self._suspect(run.name)
            plan = run.plan
            if not (images := self._sets.get(plan)):
                self._await(run, self._sets.progress(plan))
                return
            self.awaited.pop(run.name, None)
            training = Training(run, *images, self.device, self._sets.classifier(plan), thorough=False)
            if about.get("deaths") and training.trainer.step > about.get("step", 0):
                run.write(deaths=0)  # it got on since it began the last time, so it is not what kills the process
        except Locked:
            return  # another process trains it; whoever finds it running and free goes on with it
        except Exception as error:  # whatever a plan or a source of data can do wrong ends this run, not the worker
            self.awaited.pop(run.name, None)
            self._explain(run, str(error) or type(error).__name__)
            return
        self.turns[about["owner"]] = training, iter(training)

    def _await(self, run: Run, why: str) -> None:
        """Say in run.json how far its pictures are, at most once a second."""
        told, before = self.awaited.setdefault(run.name, (0.0, ""))
        if why != before and time.monotonic() - told > TELL_EVERY:
            lock = Lock(run.folder / "lock")
            try:
                run.write(why=why)
            finally:
                lock.release()
            self.awaited[run.name] = time.monotonic(), why

    def _explain(self, run: Run, why: str) -> None:
        """Keep the traceback of the error being handled for whoever repairs this, and see that run.json says why."""
        try:
            (run.folder / "error.txt").write_text(traceback.format_exc(), encoding="utf-8")
            if run.about["state"] in UNFINISHED:
                run.ended("failed", why=why)
            if run.about["state"] == "failed" and (run.folder / "state").exists():
                self._errands.leave("publish", {"name": run.name})  # its last sound state is a model still
        except OSError:
            if run.folder.exists():  # else it was deleted just now
                self.unsaid[run.name] = run, why

    def _suspect(self, name: str | None) -> None:
        """Name the run that is trained now, and those whose pictures are being loaded."""
        with suppress(OSError):  # on a full disk nobody is named, and nobody will be blamed
            if names := {*filter(None, [name]), *self.awaited}:
                self._turn.write_text("\n".join(sorted(names)), encoding="utf-8")
            else:
                self._turn.unlink(missing_ok=True)

    def _blame(self) -> None:
        """A run that was trained, or waited for its pictures, when the last process died is counted as its possible cause."""
        if self._turn.exists():
            for run, about in self.queue.unfinished():
                if run.name in self._turn.read_text(encoding="utf-8").split("\n"):
                    run.write(deaths=about.get("deaths", 0) + 1)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m genmodels.train.turns")
    parser.add_argument("runs", type=Path)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--checkpoints", type=Path, help="where classifiers lie, which tell the classes of samples")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    args = parser.parse_args()
    leaving = threading.Event()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in the server's terminal reaches this process too; the server decides
    signal.signal(signal.SIGTERM, lambda *_: leaving.set())
    threading.Thread(target=lambda: (os.read(0, 1), leaving.set()), daemon=True).start()  # sys.stdin would be locked at the end
    if hasattr(os, "nice"):
        os.nice(10)
    torch.set_num_threads(max(1, (os.cpu_count() or 2) - 1))
    while not leaving.is_set():
        try:
            lock = Lock(args.runs / ".lock")
        except Locked:  # the worker of a server that died is still saving, or another server's worker serves this folder
            leaving.wait(GLANCE)
            continue
        Worker(args.runs, args.data, args.device, leaving, args.checkpoints).serve()
        lock.release()


if __name__ == "__main__":
    main()
