"""One training: a trainer and the run folder that it fills while it is iterated."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ..checkpoint import FAMILIES, write_whole
from ..classifier import Classifier
from ..datasets import Images
from ..kept import npz
from ..models import LatentModel
from . import quick
from .clock import Clock
from .crew import Alone
from .events import finite
from .frames import Camera, at_once
from .hand import FEW, Hand, by_hand
from .lock import Lock
from .loop import REFRESH_ON, CannotGoOn, Diverged, Progress, Trainer
from .runs import Run
from .state import begin_with, load_state, save_state

SAVE_EVERY = 10.0  # seconds of training that a crash may lose
SAVE_FIRST = 2.0  # seconds until the first save: whoever dies again and again later than that gets on all the same
REPORT_EVERY = 0.5  # seconds between lines in events.jsonl
HEED_EVERY = 0.2  # seconds between looks at the rate that is asked for
FRAME_SHARE = 0.05  # of the time that frames may cost
EARLY, EARLY_SHARE = 30.0, 0.15  # seconds in which a model changes fastest, and the share of these
BREATH = 0.1  # seconds of work on a frame after which somebody else may ask for something
GLIMPSE = 1000  # pictures that buffers are measured on while it runs
SHORT = 0.3  # seconds that the last frame of a stopped run may take


class Training:
    """Iterate to train, step by step; then exactly one of: it finishes, it fails, `stop`, `suspend`.

    A frame that takes long gives the last step again in between, so that whoever iterates can look up. After a divergence it goes back to
    the last saved state once, with half the rate. What it cannot go on from (a second divergence, no memory, a full disk) is written into
    run.json and raised as CannotGoOn. Making one raises Locked where another process trains this run. A classifier of the data set tells
    the classes of samples. state: what run.json says while it is open. thorough: the checkpoint is made with all care, which may
    take seconds. crew: the processes that train it together, of which this is the first.
    """

    def __init__(self, run: Run, images: Images, test: Images | None = None, device: torch.device | str = "cpu",
                 classifier: Classifier | None = None, state: str = "running", thorough: bool = True, crew: Alone | None = None):
        self.run, self.test, self.classifier, self._states = run, test, classifier, run.folder / "state"
        self._thorough = thorough
        self._lock = Lock(run.folder / "lock")
        try:
            self._open(images, device, state, crew)
        except BaseException as error:
            self._lock.release()
            if isinstance(error, OSError) and _disk_full(error):
                raise CannotGoOn("The disk is full, so the training cannot begin. Free some space and start it again.") from error
            raise
        self._reported = self._heeded = self._next_frame = self.clock.seconds
        self._saved = self.clock.seconds - SAVE_EVERY + min(SAVE_FIRST, SAVE_EVERY)
        self._sums: dict[str, torch.Tensor] = {}
        self._count = 0
        self._frame_took = 0.0  # seconds, the last one

    def _open(self, images: Images, device: torch.device | str, state: str, crew: Alone | None) -> None:
        """Make the trainer, and set it to where the run has come."""
        run, plan, about = self.run, self.run.plan, self.run.about
        if state != "running" and about["state"] != state:
            raise ValueError("This training has gone on meanwhile.")  # it was asked to while its pictures came
        torch.manual_seed(plan.recipe.seed)
        self.trainer = Trainer(FAMILIES[plan.family](plan.model), images, plan.recipe, device, crew)
        resumed = load_state(self._states, self.trainer)
        lost = not resumed and any(self._states.glob("*.safetensors"))
        if not resumed and (begin := run.folder / "begin" / "state.safetensors").exists():
            begin_with(begin, self.trainer)
        self.trainer.rate_factor = about.get("rate_factor", self.trainer.rate_factor)
        run.go_on_from(self.trainer.step)
        why = "Both saved states were damaged, so it began again." if lost else "" if state == "running" else about["why"]
        run.write(state=state, step=self.trainer.step, why=why)
        if not resumed:
            save_state(self._states, self.trainer)  # so that there is something to go back to
        self.trainer.crew.tell(self.trainer)
        self.camera = Camera(self.test, self.classifier) if self.test is not None else None
        if self.camera and not (run.folder / "fixed.npz").exists():
            write_whole(run.folder / "fixed.npz", npz(self.camera.fixed()))
        events = run.events()
        self.clock = Clock(events[-1]["seconds"] if events else 0.0)  # counts seconds of this training only

    def __iter__(self) -> Iterator[Progress]:
        """Train to the end. Leave the loop at any step, and go on with a new one."""
        with self._told():
            yield from self._steps()
            self._end("finished")

    def stop(self, state: str = "stopped") -> None:
        """Save, and end as stopped (or paused), with a checkpoint of the averaged model as it is now."""
        with self._told():
            self._save_finite()
            self._end(state)

    def suspend(self) -> None:
        """Save, but let run.json say that it is running: whoever finds it so goes on with it."""
        try:
            self._save_finite()
        finally:
            self._lock.release()

    def by_hand(self, players: list[str], rate: float | None, few: int = FEW) -> Hand:
        """Make one step by hand (see `hand.by_hand`), save it, and end in the state that the run was opened in."""
        state = self.run.about["state"]
        try:
            hand = by_hand(self.trainer, players, rate, few)
            save_state(self._states, self.trainer)
        except Exception:
            self._lock.release()
            raise
        with self._told():
            self.run.note(hand.step, self.clock.seconds, finite(hand.parts))
            self._end(state)
        return hand

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What goes wrong inside is said in run.json and to the caller, and the run is let go."""
        try:
            yield
        except Exception as error:
            why = _in_words(error, self.trainer.step)
            try:
                self.run.write(state="paused" if _disk_full(error) else "failed", why=why, step=self.trainer.step)
            except OSError as second:
                if not _disk_full(second):
                    raise
            finally:
                self._lock.release()
            raise CannotGoOn(why) from error

    def _steps(self) -> Iterator[Progress]:
        """The trainer's steps, with one way back after a divergence."""
        try:
            yield from self._kept_steps()
        except Diverged as error:
            self._go_back()
            why = f"{error} It went back to step {self.trainer.step} and goes on with half the rate."
            self._set_rate(self.trainer.rate_factor / 2, why)
            self.run.write(why=why)
        else:
            return
        yield from self._kept_steps()

    def _kept_steps(self) -> Iterator[Progress]:
        """The trainer's steps, reported, framed and saved when it is time."""
        with self.clock:
            if self.trainer.step == 0:
                yield from self._frame_if_due(Progress(0, {}))
            for progress in self.trainer:
                for name, value in progress.losses.items():
                    self._sums[name] = self._sums.get(name, 0) + value
                self._count += 1
                if self.clock.seconds - self._heeded > HEED_EVERY:
                    self._heed()
                if self.clock.seconds - self._reported > REPORT_EVERY:
                    self._report()
                yield from self._frame_if_due(progress)
                if self.clock.seconds - self._saved > SAVE_EVERY:
                    save_state(self._states, self.trainer)
                    self._saved = self.clock.seconds
                with self.clock.stopped():  # the time in between is spent by others
                    yield progress
            save_state(self._states, self.trainer)

    def _heed(self) -> None:
        """Fulfil a wish for another rate."""
        self._heeded = self.clock.seconds
        if (factor := self.run.take_rate()) is not None:
            self._set_rate(factor, f"The learning rate is {factor:.3g} times the planned one from here.")

    def _set_rate(self, factor: float, note: str) -> None:
        self.trainer.rate_factor = factor
        self.run.write(rate_factor=factor)
        self.run.note(self.trainer.step, self.clock.seconds, {"rate_factor": factor, "note": note})

    def _report(self) -> None:
        means = {name: float(value) / self._count for name, value in self._sums.items()}
        if means:
            self.run.note(self.trainer.step, self.clock.seconds, finite(means))
        self._reported, self._sums, self._count = self.clock.seconds, {}, 0

    def _frame_if_due(self, progress: Progress) -> Iterator[Progress]:
        """Keep a frame where it is time for one."""
        began = breathed = self.clock.seconds
        if began < self._next_frame or self.camera is None:
            return
        pieces = self.camera.take(self.trainer.snapshot(GLIMPSE))
        while True:
            try:
                next(pieces)
            except StopIteration as end:
                self.run.frames.keep(progress.step, end.value)
                break
            if self.clock.seconds - breathed > BREATH:
                with self.clock.stopped():
                    yield progress
                breathed = self.clock.seconds
        self._frame_took = self.clock.seconds - began
        self._next_frame = self.clock.seconds + self._frame_took / (EARLY_SHARE if self.clock.seconds < EARLY else FRAME_SHARE)

    def _save_finite(self) -> None:
        """Save the state; where it is not finite, go back to the last one that was."""
        try:
            save_state(self._states, self.trainer)
        except Diverged:
            self._go_back()

    def _go_back(self) -> None:
        if not load_state(self._states, self.trainer):
            raise CannotGoOn("The training diverged and its saved states are damaged. Start it again with a smaller learning rate.")
        self.trainer.crew.tell(self.trainer)
        self.run.go_on_from(self.trainer.step)
        self._sums, self._count = {}, 0

    def _end(self, state: str) -> None:
        """Report, publish and say so, with a last frame where that is no matter of seconds."""
        self._report()
        done, many_steps = state == "finished", isinstance(self.trainer.average, LatentModel) and self.trainer.average.can("path")
        model = self.trainer.snapshot(REFRESH_ON if done and self._thorough else GLIMPSE)
        checkpoint = self.run.publish(model, halve=self._thorough or not many_steps)
        if self.camera:
            quick.keep_atlas(checkpoint, model, self.test, self.classifier)
            if done:
                quick.keep_samplers(checkpoint, model, self.trainer.images)
            if done or self._frame_took < SHORT:
                self.run.frames.keep(self.trainer.step, at_once(self.camera.take(model)))
        self.run.ended(state, step=self.trainer.step, seconds=round(self.clock.seconds, 2))
        self._lock.release()


def _disk_full(error: Exception) -> bool:
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def _in_words(error: Exception, step: int) -> str:
    if _disk_full(error):
        return f"The disk is full, so the training paused at step {step}. Its last saved state is kept: free some space and start it again."
    if isinstance(error, CannotGoOn | ValueError | OSError):
        return str(error)
    return f"The training broke off at step {step}: {type(error).__name__}: {error}"
