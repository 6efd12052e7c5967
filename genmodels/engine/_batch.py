"""Rows of some requests of one kind, computed together from beginning to end."""

from collections.abc import Callable

import numpy as np

from ..latent.inversion import Found
from ..models import to_pixels
from ._device import Device
from ._jobs import Job, Person, Sought

HandOut = Callable[[list[tuple[Job, int]], np.ndarray], None]  # gives the next so many rows of some jobs to those who wait for them


class Batch:
    """The next rows of some jobs of one kind. Short work is over at the first `advance`."""

    def __init__(self, device: Device, parts: list[tuple[Job, int]]):
        self.device, self.parts, first = device, parts, parts[0][0]
        self.kind, self.long, self.seconds = first.kind, first.long, []  # of each step
        x = np.concatenate([job.x[job.done:job.done + rows] for job, rows in parts])
        y = None if first.y is None else np.concatenate([job.y[job.done:job.done + rows] for job, rows in parts])
        self.work = device.steps(first.checkpoint, first.task, x, y, first.options)

    @property
    def leader(self) -> Person | None:
        """Whose turn it was when the batch was made; None when each of its requests is tried alone."""
        return self.parts[0][0].person if self.parts else None

    @property
    def waited(self) -> int:
        """Since when whoever in it has waited longest for a step of long work."""
        return min(job.person.stepped for job, _ in self.parts)

    def join(self, jobs: list[Job]) -> list[Job]:
        """Those of these jobs that cannot join it: all of them, since its rows set out together."""
        return jobs

    def advance(self, hand_out: HandOut) -> bool:
        """One step; True if it was the last, or if nobody waits any more."""
        over = not any([job.wanted() for job, _ in self.parts])
        if over:
            self.work.close()
        else:
            began = self.device.clock()
            try:
                self._tell(next(self.work))
            except StopIteration as end:
                over = True
                hand_out(self.parts, end.value)
            self.device.settle()
            self.seconds.append(self.device.clock() - began)
        if over and self.long:
            self.device.learn(self.parts[0][0], sum(rows for _, rows in self.parts), self.seconds)
        return over

    def served(self) -> list[Person]:
        """Who was in the last step."""
        return [job.person for job, _ in self.parts]

    def unfinished(self) -> list[Job]:
        return [job for job, _ in self.parts if job.done < len(job.x)]

    def _tell(self, found) -> None:
        """Whoever listens to a search hears what was found for their pictures so far (not where memory was short, and a batch goes on in halves)."""
        if not isinstance(found, Found) or len(found.z) != sum(rows for _, rows in self.parts):
            return
        first = 0
        for job, rows in self.parts:
            for row in range(first, first + rows) if job.told and job.wanted() else ():
                job.told(job.done + row - first, Sought(found.step, found.steps, found.z[row].float().cpu().numpy(),
                                                        found.errors[row].float().cpu().numpy(), to_pixels(found.pictures[row])))
            first += rows
