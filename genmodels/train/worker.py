"""The server's side of training: start, steer, look at and delete the trainings of people, while one worker process trains them."""

import re
import secrets
import shutil
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch

from ..checkpoint import FAMILIES, NAME
from ..datasets import hidden, is_own
from . import caps
from .access import Access
from .bell import Bell
from .caps import Refused
from .endings import Endings
from .errands import Errands
from .estimates import Estimates
from .process import Keeper
from .queue import Queue
from .recipe import Plan, longer
from .rows import Rows
from .runs import ENDS, LONGEST_TITLE, UNFINISHED, Run
from .sets import own_sets
from .state import fitting, newest

HAND_WITHIN = 20.0  # seconds that a step by hand may take, the worker's beginning included
FACTORS = 0.01, 10.0  # of the learning rate


class Service:
    """Trainings of many people below one folder, one worker process per device.

    The worker begins with the first look or where an earlier server left runs behind, and is begun again whenever it dies. Owners are
    tokens; only their hash is written down. Every method that takes a name and an owner raises LookupError, in words, where the run is not
    theirs, and Refused or ValueError for what cannot be. data: a folder with mnist.npz and others; without it pictures come from the Hub.
    checkpoints: where classifiers lie, which tell the classes of samples. Own pictures (`own`) lie beside the runs, in a folder datasets.
    """

    def __init__(self, runs_folder: Path, data: Path | None = None, device: str | None = None, checkpoints: Path | None = None):
        self.folder, self.device = Path(runs_folder), device or ("cuda" if torch.cuda.is_available() else "cpu")
        self.folder.mkdir(parents=True, exist_ok=True)
        more = [word for flag, path in (("--data", data), ("--checkpoints", checkpoints)) if path for word in (flag, str(Path(path).resolve()))]
        self.keeper = Keeper(str(self.folder.resolve()), "--device", self.device, *more)
        self._queue, self._rows, self._bell, self._errands = Queue(self.folder), Rows(), Bell(self.folder), Errands(self.folder)
        self._endings = Endings(self.keeper, self._bell, self._errands)
        self._estimates = Estimates(self._ask, fetch=data is not None)
        self.own, self._access = own_sets(self.folder), Access(self.folder)
        self._guard = threading.RLock()
        if self._queue.unfinished():
            self.keeper.warm()

    # To look at

    def rows(self, owner: str) -> list[dict]:
        """One's runs, oldest first, each as `Rows.row` says."""
        self.keeper.warm()
        with self._guard:
            unfinished = self._queue.unfinished()
            return [self._row(run, about, owner, unfinished) for run, about in self._queue.runs(hidden(owner))]

    def row(self, name: str, owner: str) -> dict:
        """One of these."""
        run = self.find(name, owner)
        try:
            with self._guard:
                return self._row(run, run.about, owner, self._queue.unfinished())
        except FileNotFoundError:  # deleted just now
            return _none_called(name)

    def _row(self, run: Run, about: dict, owner: str, unfinished: list[tuple[Run, dict]]) -> dict:
        before = [one.name for one, other in unfinished if other["owner"] == hidden(owner)]
        ahead = before.index(run.name) if run.name in before else 0
        return self._rows.row(run, about, ahead, len({other["owner"] for _, other in unfinished}))

    def models(self, owner: str) -> list[str]:
        """The names of one's runs that have a model to use, oldest first. Unlike `rows` it begins no worker: every opening of the page asks this."""
        with self._guard:
            runs = self._queue.runs(hidden(owner))
        return [run.name for run, about in runs if about["state"] not in UNFINISHED and (run.folder / "checkpoint" / "config.json").exists()]

    def may(self, owner: str) -> bool | str:
        """Whether one may start another run: True, or a sentence that says why not."""
        try:
            self._check_place(hidden(owner))
        except Refused as error:
            return str(error)
        return True

    def news(self, name: str, owner: str, events: int = 0, frames: int = -1) -> dict:
        """What `Rows.news` says, with the run's row."""
        run = self.find(name, owner)
        with self._guard:
            news = self._rows.news(run, events, frames)
        return {"row": self.row(name, owner)} | news

    def frame(self, name: str, owner: str, step: int) -> dict[str, np.ndarray]:
        """The arrays of a frame (see `Camera.take`), with the labels of its codes. LookupError where it is gone."""
        run = self.find(name, owner)
        return run.frames.read(step) | {"labels": self.fixed(name, owner)["labels"]}

    def fixed(self, name: str, owner: str) -> dict[str, np.ndarray]:
        """What all frames share (see `Camera.fixed`). LookupError where the training has not begun yet."""
        try:
            with np.load(self.find(name, owner).folder / "fixed.npz", allow_pickle=False) as arrays:
                return {key: arrays[key] for key in arrays.files}
        except FileNotFoundError:
            raise LookupError("This training has not begun, so it has no pictures yet.") from None

    def open_to(self, name: str, owner: str | None) -> bool:
        """Whether this person may use the model of a run: its owner may, and everybody while it is shared. False where there is no run."""
        known = isinstance(name, str) and NAME.fullmatch(name)
        return bool(known) and self._access.is_open(name, None if owner is None else hidden(owner))

    def find(self, name: str, owner: str) -> Run:
        """One's own run by name. LookupError where there is none, or it is somebody else's."""
        run = self._run(name)
        with suppress(FileNotFoundError):  # somebody is just deleting it
            if run is not None and run.about.get("owner") == hidden(owner):
                return run
        return _none_called(name)

    def estimate(self, plan: Plan, owner: str, gone: Callable[[], bool] = lambda: False) -> dict:
        """How long a training would take here alone, measured; {"problem": sentence} for one that would be refused. gone: whether nobody waits for it now."""
        self.keeper.warm()
        me, unfinished = hidden(owner), [about for _, about in self._queue.unfinished()]
        standing = {"sharing": len({about["owner"] for about in unfinished}), "ahead": sum(about["owner"] == me for about in unfinished)}
        try:
            return self._estimates.of(self._checked(plan, owner), gone) | standing
        except (ValueError, LookupError) as error:
            return {"problem": str(error)} | standing

    # To begin

    def start(self, plan: Plan, owner: str, title: str = "", group: str = "") -> Run:
        """Ask for a training."""
        return self._create(self._checked(plan, owner), owner, title, group)

    def fork(self, name: str, owner: str, title: str = "", plan: Plan | None = None) -> Run:
        """A new run that begins with the weights of this one, as far as their shapes are the same; its plan may differ."""
        parent = self.find(name, owner)
        plan = self._checked(plan or parent.plan, owner)
        if not (path := newest(parent.folder / "state")):
            raise Refused("That training has not begun, so there are no weights to begin with. Wait for its first picture.")
        with torch.device("meta"):
            fits = fitting(path, FAMILIES[plan.family](plan.model))
        if not fits:
            raise Refused("None of that training's weights fits this plan. Keep the family, and the sizes of its layers.")
        return self._create(plan, owner, title or f"{parent.label.get('title', name)}, again", parent.label.get("group", ""), parent=parent, state=path)

    def _checked(self, plan: Plan, owner: str) -> Plan:
        """A plan within the caps, of pictures that this person may learn from. LookupError for somebody else's."""
        if is_own(plan.dataset):
            self.own.about(plan.dataset, owner)
        return caps.checked(plan, self.device)

    def _create(self, plan: Plan, owner: str, title: str, group: str, parent: Run | None = None, state: Path | None = None) -> Run:
        me, title, group = hidden(owner), _said(title, "title"), _said(group, "group")
        name = f"{re.sub(r'[^A-Za-z0-9._-]+', '-', plan.dataset)[:50].strip('-.')}-{plan.family}-{secrets.token_hex(8)}"
        with self._guard:
            self._check_place(me)
            folder = self.folder / name
            try:
                if state:
                    (folder / "begin").mkdir(parents=True)
                    shutil.copyfile(state, folder / "begin" / "state.safetensors")  # before there is a run.json that somebody might begin
                run = Run.create(folder, plan, me, title or f"{plan.family} of {plan.dataset}", group, parent.name if parent else "")
            except BaseException:  # without a run.json nobody could delete it
                shutil.rmtree(folder, ignore_errors=True)
                raise
        self._ring()
        return run

    # To steer

    def stop(self, name: str, owner: str) -> None:
        """Stop a run, saved as far as it came; a worker that does not listen within seconds is ended and begun again.

        RuntimeError where a process that is not ours holds on to the run.
        """
        self._endings.end(self.find(name, owner), "stop")

    def pause(self, name: str, owner: str) -> None:
        """The same, but as paused: it gives up its place in the turns, and goes on exactly where it was when it is resumed."""
        self._endings.end(self.find(name, owner), "pause")

    def resume(self, name: str, owner: str) -> None:
        """Let a run that was paused or stopped, or has failed, go on to the end of its plan. It stands in line again."""
        self._go_on(self.find(name, owner), lambda about: about["asked"])

    def more(self, name: str, owner: str, steps: int) -> None:
        """Let a run that was stopped or is finished go on for so many steps from here, which are a stage like its last one."""
        if not isinstance(steps, int) or isinstance(steps, bool) or not 1 <= steps <= caps.MOST_STEPS:
            raise Refused(f"More steps are a whole number from 1 to {caps.MOST_STEPS:,}.")
        self._go_on(self.find(name, owner), lambda about: longer(about["asked"], about.get("step", 0), steps))

    def rate(self, name: str, owner: str, factor: float) -> None:
        """Multiply the planned learning rate by this from now on, also of a run that goes on later."""
        if not isinstance(factor, int | float) or isinstance(factor, bool) or not FACTORS[0] <= factor <= FACTORS[1]:
            raise Refused(f"The learning rate can be multiplied by {FACTORS[0]} to {FACTORS[1]:.0f}.")
        run = self.find(name, owner)
        with self._guard:  # a file has one writer at a time
            run.ask_for_rate(factor)

    def hand(self, name: str, owner: str, players: list[str] | None = None, rate: float | None = None) -> dict:
        """One training step by hand on a run that is paused, stopped or finished, saved: only these players learn (none: all of its stage).

        "quantities": what is computed from 16 pictures, in order, [{"player", "name", "kind": "picture" or "numbers", "values"}] with uint8
        [B, H, W, C] or float32 [B, K]; "parts" and "after": the losses before and after, of the same pictures and noise (see `Hand`); "update": by
        player the norms of "gradient" and "change", and the "rate"; "step": after it. rate: a learning rate instead of the planned one.
        """
        run = self.find(name, owner)
        if rate is not None and not (isinstance(rate, int | float) and 0 < rate <= 1):
            raise Refused("A learning rate is a number above 0 and at most 1.")
        if players and not (isinstance(players, list | tuple) and all(isinstance(player, str) for player in players)):
            raise Refused("Players are named in a list.")
        said, arrays = self._ask("hand", {"name": run.name, "players": list(players or []), "rate": rate}, HAND_WITHIN)
        shape = tuple(run.plan.model.image_shape)
        quantities = [_quantity(player, quantity, arrays[str(number)], shape) for number, (player, quantity) in enumerate(said["quantities"])]
        return said | {"quantities": quantities}

    def rename(self, name: str, owner: str, title: str) -> None:
        run, title = self.find(name, owner), _said(title, "title")
        if not title:
            raise Refused("A title needs at least one letter.")
        with self._guard:
            run.call(title=title)

    def share(self, name: str, owner: str, shared: bool) -> None:
        """Let everybody who knows its name use a run's model, or nobody else any more."""
        run = self.find(name, owner)
        with self._guard:
            run.call(shared=bool(shared))

    def delete(self, name: str, owner: str) -> None:
        """Remove a run and all that it has made; one that is trained is stopped first."""
        run = self.find(name, owner)
        self._endings.end(run, "stop")
        with self._endings.held(run):
            (run.folder / "run.json").unlink()
            shutil.rmtree(run.folder, ignore_errors=True)
        self._rows.forget(run)

    def close(self) -> None:
        """Save everything and let the worker go; its runs go on with the next service on this folder."""
        self.keeper.close()

    # How that is done

    def _run(self, name: str) -> Run | None:
        run = Run(self.folder / name) if isinstance(name, str) and NAME.fullmatch(name) else None
        return run if run and (run.folder / "run.json").exists() else None

    def _check_place(self, owner: str) -> None:
        caps.check_place([about for _, about in self._queue.unfinished()], len(self._queue.runs(owner)), owner, self.folder)

    def _go_on(self, run: Run, plan) -> None:
        """Put a run in line again, with what `plan` makes of its run.json."""
        with self._guard, self._endings.held(run):
            about = run.about
            if about["state"] in UNFINISHED:
                return
            asked = plan(about)
            if about.get("step", 0) >= sum(stage["steps"] for stage in asked["recipe"]["stages"]):
                raise Refused("This training has come to its end. Give it more steps to let it go on.")
            caps.check_steps([stage["steps"] for stage in asked["recipe"]["stages"]])
            unfinished = [about for _, about in self._queue.unfinished()]
            caps.check_place(unfinished, 0, about["owner"], self.folder)
            for wish in ENDS:
                (run.folder / wish).unlink(missing_ok=True)
            run.write(asked=asked, state="waiting", queued=time.time(), why="", deaths=0)
        self._ring()

    def _ask(self, kind: str, values: dict, within: float, gone: Callable[[], bool] = lambda: False) -> tuple[dict, dict[str, np.ndarray]]:
        self.keeper.warm()
        return self._errands.ask(kind, values, within, self._bell.ring, gone)

    def _ring(self) -> None:
        self._bell.ring()
        self.keeper.warm()


def _none_called(name) -> None:
    raise LookupError(f"You have no training called {name!r:.80}.")


def _said(text: str, what: str) -> str:
    """A title or a group as it is kept: one line, not too long."""
    if not isinstance(text, str) or len(text) > 4 * LONGEST_TITLE:
        raise Refused(f"A {what} is a text of at most {LONGEST_TITLE} letters.")
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())[:LONGEST_TITLE]


def _quantity(player: str, name: str, values: np.ndarray, image_shape: tuple[int, ...]) -> dict:
    """A quantity of a step by hand as it is shown."""
    if values.shape[1:] == image_shape:
        pixels = (values * 127.5 + 128).clip(0, 255).astype(np.uint8).transpose(0, 2, 3, 1)
        return {"player": player, "name": name, "kind": "picture", "values": pixels}
    return {"player": player, "name": name, "kind": "numbers", "values": values.reshape(len(values), -1).astype(np.float32)}
