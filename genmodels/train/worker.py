"""The server's side of the worker process: start, stop and list the trainings of people, keep the process alive."""

import hashlib
import json
import os
import re
import secrets
import subprocess
import sys
import threading
import time
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from ..checkpoint import FAMILIES, NAME
from ..models import Trainable
from .lock import Lock, Locked
from .queue import UNFINISHED, Queue
from .recipe import Plan, plan_from
from .runs import Run

PER_OWNER = 3  # unfinished runs: one is trained, two wait
OWNERS = 16  # who train at the same time, each with a model in memory
MOST_STEPS = 200_000  # updates that one run may ask for
MOST_PARAMETERS = 4_000_000  # all of them are saved every few seconds, several times
MOST_WORK = {"cpu": 5e10, "cuda": 5e12}  # floating-point operations of one update, which nobody can interrupt; about a second
TERM_AFTER, KILL_AFTER = 0.8, 3.0  # seconds after which a stop is no longer a request
CLOSE_WITHIN = 8.0  # seconds that the worker has to save everything when the server goes


class Refused(ValueError):
    """The service does not start this training; the message says why and when it would."""


class Service:
    """Trainings of many people below one folder, one worker process per device.

    The worker begins with the first look (`list` or `start`) or where an earlier server left runs behind, and is
    begun again whenever it dies. Owners are tokens; only their hash is written down. Pages read the run folders.
    """

    def __init__(self, runs_folder: Path, data: Path | None = None, device: str | None = None):
        self.folder, self.data = Path(runs_folder), data
        self.device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        self.folder.mkdir(parents=True, exist_ok=True)
        self._queue = Queue(self.folder)
        self._guard = threading.RLock()
        self._closed = threading.Event()
        self._process: subprocess.Popen | None = None
        if self._queue.unfinished():
            self._warm()

    def start(self, plan: Plan, owner: str) -> Run:
        """Ask for a training. Refused or ValueError say in a sentence what is too much or does not fit."""
        plan = plan_from(json.loads(json.dumps(plan.to_json())))  # a form can be forged: every range is checked here
        if plan.recipe.steps > MOST_STEPS:
            raise Refused(f"A training here may take {MOST_STEPS:,} steps at most, not {plan.recipe.steps:,}.")
        _check_size(plan, MOST_WORK[self.device])
        me = _hidden(owner)
        with self._guard:
            unfinished = self._queue.unfinished()
            mine = [about for _, about in unfinished if about["owner"] == me]
            if len(mine) >= PER_OWNER:
                raise Refused("One of your trainings runs and two wait already. Stop one, or start this one when the first is done.")
            if not mine and len({about["owner"] for _, about in unfinished}) >= OWNERS:
                raise Refused(f"{OWNERS} people are training here already. Please try again when one of them is done.")
            run = Run.create(self.folder / f"{re.sub(r'[^A-Za-z0-9._-]+', '-', plan.dataset)[:60]}-{plan.family}-{secrets.token_hex(4)}", plan, me)
        self._warm()
        return run

    def find(self, name: str, owner: str) -> Run:
        """One's own run by name. LookupError where there is none, or it is somebody else's."""
        run = Run(self.folder / name) if isinstance(name, str) and NAME.fullmatch(name) else None
        if run is None or not (run.folder / "run.json").exists() or run.about.get("owner") != _hidden(owner):
            raise LookupError(f"You have no training called {name!r:.80}.")
        return run

    def stop(self, name: str, owner: str) -> None:
        """Stop a run, saved as far as it came; a worker that does not listen within seconds is ended and begun again.

        RuntimeError where a process that is not ours holds on to the run.
        """
        run = self.find(name, owner)
        if run.about["state"] not in UNFINISHED:
            return
        run.ask_to_stop()
        asked = time.monotonic()
        self._warm()
        with self._guard:
            process = self._process
        if self._stopped(run, asked + TERM_AFTER):
            return
        process.terminate()
        if self._stopped(run, asked + KILL_AFTER):
            return
        process.kill()
        process.wait()
        if not self._stopped(run, time.monotonic() + TERM_AFTER):
            raise RuntimeError(f"{name} could not be stopped: another program trains it.")

    def list(self, owner: str) -> list[dict]:
        """One's runs, oldest first: name, state, why, step, steps, ahead (own runs before it), sharing (people who take turns)."""
        self._warm()
        with self._guard:
            runs, sharing = self._queue.runs(_hidden(owner)), len({about["owner"] for _, about in self._queue.unfinished()})
        rows, ahead = [], 0
        for run, about in runs:
            rows.append({"name": run.name, "state": about["state"], "why": about["why"], "step": about.get("step", 0),
                         "steps": sum(stage["steps"] for stage in about["asked"]["recipe"]["stages"]), "ahead": 0, "sharing": sharing})
            if about["state"] in UNFINISHED:
                rows[-1]["ahead"] = ahead
                ahead += 1
        return rows

    def close(self) -> None:
        """Save everything and let the worker go; its runs go on with the next service on this folder."""
        self._closed.set()
        with self._guard:
            process = self._process
        if process is None:
            return
        process.stdin.close()
        try:
            process.wait(CLOSE_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _stopped(self, run: Run, until: float) -> bool:
        """Whether the run ends before the time is over. One that no process holds is ended here."""
        while run.about["state"] in UNFINISHED and time.monotonic() < until:
            try:
                lock = Lock(run.folder / "lock")
            except Locked:
                time.sleep(0.02)
                continue
            if run.about["state"] in UNFINISHED:
                run.write(state="stopped")  # its wish to stop stays, for a worker that is about to begin it
            lock.release()
        return run.about["state"] not in UNFINISHED

    def _warm(self) -> None:
        """Begin the worker process, and watch over it, where there is none."""
        with self._guard:
            if self._process is None and not self._closed.is_set():
                self._process = self._spawn()
                threading.Thread(target=self._watch, daemon=True).start()

    def _spawn(self) -> subprocess.Popen:
        command = [sys.executable, "-m", "genmodels.train.turns", str(self.folder.resolve()), "--device", self.device]
        command += ["--data", str(Path(self.data).resolve())] if self.data else []
        package = str(Path(__file__).resolve().parents[2])
        paths = os.pathsep.join([package, *filter(None, [os.environ.get("PYTHONPATH")])])
        return subprocess.Popen(command, stdin=subprocess.PIPE, env=os.environ | {"PYTHONPATH": paths})

    def _watch(self) -> None:
        """Begin the worker again whenever it dies, more and more slowly if it dies at once."""
        pause = 0.5
        while True:
            began = time.monotonic()
            self._process.wait()
            pause = 0.5 if time.monotonic() - began > 30 else min(2 * pause, 30)
            if self._closed.wait(pause):
                return
            with self._guard:
                if self._closed.is_set():
                    return
                self._process = self._spawn()


def _check_size(plan: Plan, most_work: float) -> None:
    """Refused where a net or an update is too large: a stop, and everybody else's turn, wait until an update is done."""
    family = FAMILIES[plan.family]
    with torch.device("meta"):
        parameters = sum(p.numel() for p in family(plan.model).parameters())
    if parameters > MOST_PARAMETERS:
        raise Refused(f"A net that is trained here may have {MOST_PARAMETERS:,} parameters, not {parameters:,}. Fewer channels or blocks help.")
    work = _work_per_picture(family(plan.model)) * plan.recipe.batch
    if work > most_work:
        raise Refused(f"One update of this training takes {work / 1e9:.3g} billion operations; here it may take {most_work / 1e9:.3g}. "
                      "A smaller batch or a smaller net helps.")


def _work_per_picture(model: Trainable) -> float:
    """Floating-point operations of an update of all players for each picture of the batch, counted while two go through."""
    x = torch.zeros(2, *model.image_shape)
    y = torch.zeros(2, len(model.conditions)) if model.conditions else None
    with FlopCounterMode(display=False) as counter:
        for player in model.players():
            model.loss(x, y, player)["loss"].backward()
    return counter.get_total_flops() / len(x)


def _hidden(owner: str) -> str:
    """What is kept of an owner's token: enough to know it again, too little to use it."""
    if not isinstance(owner, str) or not owner:
        raise ValueError("A training needs an owner: a random token that the browser keeps.")
    return hashlib.sha256(owner.encode()).hexdigest()[:16]
