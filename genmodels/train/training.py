"""One training: a trainer and the run folder that it fills while it is iterated."""

import errno
import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ..checkpoint import FAMILIES
from ..datasets import Images
from .lock import Lock
from .loop import CannotGoOn, Diverged, Progress, Trainer
from .runs import FRAMES, Run
from .state import load_state, save_state

SAVE_EVERY = 10.0  # seconds of training that a crash may lose
REPORT_EVERY = 0.5  # seconds between lines in events.jsonl
FRAME_SHARE = 0.05  # of the time that frames may cost
GLIMPSE = 1000  # pictures that buffers are measured on while it runs; the finished model takes more


class Training:
    """Iterate to train, step by step; then exactly one of: it finishes, it fails, `stop`, `suspend`.

    After a divergence it goes back to the last saved state once, with half the rate. What it cannot go on from
    (a second divergence, no memory, a full disk) is written into run.json and raised as CannotGoOn.
    Making one raises Locked where another process trains this run.
    """

    def __init__(self, run: Run, images: Images, test: Images | None = None, device: torch.device | str = "cpu"):
        self.run, self.test, self._states = run, test, run.folder / "state"
        self._lock = Lock(run.folder / "lock")
        try:
            plan = run.plan
            torch.manual_seed(plan.recipe.seed)
            self.trainer = Trainer(FAMILIES[plan.family](plan.model), images, plan.recipe, device)
            resumed = load_state(self._states, self.trainer)
            lost = not resumed and any(self._states.glob("*.safetensors"))
            run.go_on_from(self.trainer.step)
            run.write(state="running", step=self.trainer.step,
                      why="Both saved states were damaged, so it began again." if lost else "")
            if not resumed:
                save_state(self._states, self.trainer)  # so that there is something to go back to
            events = run.events()
            self._seconds = events[-1]["seconds"] if events else 0.0
        except BaseException as error:
            self._lock.release()
            if isinstance(error, OSError) and _disk_full(error):
                raise CannotGoOn("The disk is full, so the training cannot begin. Free some space and start it again.") from error
            raise
        self._saved = self._reported = self._seconds  # on the clock that counts seconds of this training only
        self._next_frame, self._framed = self._seconds, self.trainer.step - 1
        self._sums: dict[str, torch.Tensor] = {}
        self._count = 0

    def __iter__(self) -> Iterator[Progress]:
        """Train to the end. Leave the loop at any step, and go on with a new one."""
        with self._told():
            yield from self._steps()
            self._end("finished")

    def stop(self) -> None:
        """Save, and end as stopped, with a checkpoint of the averaged model as it is now."""
        with self._told():
            self._save_finite()
            self._end("stopped")

    def suspend(self) -> None:
        """Save, but let run.json say that it is running: whoever finds it so goes on with it."""
        try:
            self._save_finite()
        finally:
            self._lock.release()

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What goes wrong inside is said in run.json and to the caller, and the run is let go."""
        try:
            yield
        except Exception as error:
            why = _in_words(error, self.trainer.step)
            try:
                self.run.write(state="stopped" if _disk_full(error) else "failed", why=why, step=self.trainer.step)
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
            self.trainer.rate_factor /= 2
            self.run.write(why=f"{error} It went back to step {self.trainer.step} and goes on with half the rate.")
        else:
            return
        yield from self._kept_steps()

    def _kept_steps(self) -> Iterator[Progress]:
        """The trainer's steps, reported, framed and saved when it is time."""
        began = time.monotonic() - self._seconds
        for progress in self.trainer:
            for name, value in progress.losses.items():
                self._sums[name] = self._sums.get(name, 0) + value
            self._count += 1
            self._seconds = time.monotonic() - began
            if self._seconds - self._reported > REPORT_EVERY:
                self._report()
            if self._seconds >= self._next_frame and progress.step - self._framed >= self.trainer.recipe.steps / FRAMES:
                self._frame(began)
            if self._seconds - self._saved > SAVE_EVERY:
                save_state(self._states, self.trainer)
                self._saved = self._seconds = time.monotonic() - began
            yield progress
            began = time.monotonic() - self._seconds  # the time in between was spent by others
        save_state(self._states, self.trainer)

    def _report(self) -> None:
        means = {name: float(value) / self._count for name, value in self._sums.items()}
        if means:
            self.run.note(self.trainer.step, self._seconds, {n: v if abs(v) < float("inf") else None for n, v in means.items()})
        self._reported, self._sums, self._count = self._seconds, {}, 0

    def _frame(self, began: float) -> None:
        if self.test is not None:
            self.run.frame(self.trainer.step, self.trainer.snapshot(GLIMPSE), self.test)
        cost = time.monotonic() - began - self._seconds
        self._seconds += cost
        self._next_frame, self._framed = self._seconds + cost / FRAME_SHARE, self.trainer.step

    def _save_finite(self) -> None:
        """Save the state; where it is not finite, go back to the last one that was."""
        try:
            save_state(self._states, self.trainer)
        except Diverged:
            self._go_back()

    def _go_back(self) -> None:
        if not load_state(self._states, self.trainer):
            raise CannotGoOn("The training diverged and its saved states are damaged. Start it again with a smaller learning rate.")
        self.run.go_on_from(self.trainer.step)
        self._sums, self._count = {}, 0

    def _end(self, state: str) -> None:
        """Report, publish and say so. A finished run measures its buffers on more pictures and keeps a last frame."""
        self._report()
        done = state == "finished"
        model = self.trainer.snapshot() if done else self.trainer.snapshot(GLIMPSE)
        self.run.publish(model)
        if done and self.test is not None:
            self.run.frame(self.trainer.step, model, self.test)
        self.run.ended(state, step=self.trainer.step)
        self._lock.release()


def _disk_full(error: Exception) -> bool:
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def _in_words(error: Exception, step: int) -> str:
    if _disk_full(error):
        return f"The disk is full, so the training paused at step {step}. Its last saved state is kept: free some space and start it again."
    if isinstance(error, CannotGoOn | ValueError | OSError):
        return str(error)
    return f"The training broke off at step {step}: {type(error).__name__}: {error}"
