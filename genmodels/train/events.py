"""What a training reports: events.jsonl, written by the process that trains, read on by others from where they stopped."""

import json
from pathlib import Path

AGAIN = "went_back"  # marks a line that says: what came after its step is forgotten


class Events:
    """The lines of one events.jsonl, each a JSON object with step and seconds. Every look reads only what is new."""

    def __init__(self, path: Path):
        self.path = Path(path)
        self._start(None)

    def lines(self) -> list[dict]:
        """All lines so far, in the order they were written. A last line that is not whole yet, or was cut off by a crash, is left out."""
        try:
            with open(self.path, "rb") as file:
                now = self.path.stat()
                if now.st_ino != self._file or now.st_size < self._offset:
                    self._start(now.st_ino)
                file.seek(self._offset)
                new = file.read()
        except FileNotFoundError:
            self._start(None)
            return []
        whole = new[:new.rfind(b"\n") + 1]
        self._offset += len(whole)
        self._lines += map(json.loads, whole.splitlines())
        return self._lines

    def _start(self, file: int | None) -> None:
        self._file, self._offset, self._lines = file, 0, []

    # What only the process that trains calls

    def note(self, step: int, seconds: float, values: dict) -> None:
        """Add a line: losses by name (None where one was not a number), or a `note` in words with the rate_factor from now on."""
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, "seconds": round(seconds, 2), **values}, allow_nan=False) + "\n")

    def go_on_from(self, step: int) -> None:
        """Forget a line that a crash cut off, and say that what was reported after this step will be done again."""
        if not self.path.exists():
            return
        with open(self.path, "rb+") as file:
            file.truncate(file.read().rfind(b"\n") + 1)
        last = standing(self.lines())
        if last and last[-1]["step"] > step:
            kept = [line["seconds"] for line in last if line["step"] <= step]
            self.note(step, kept[-1] if kept else 0.0, {AGAIN: True})


def standing(lines: list[dict]) -> list[dict]:
    """The lines that still hold: without those of steps that were done again, and without the marks that say so."""
    kept: list[dict] = []
    for line in lines:
        while kept and (kept[-1]["step"] > line["step"] or kept[-1]["step"] == line["step"] and is_report(kept[-1]) and is_report(line)):
            kept.pop()
        if AGAIN not in line:
            kept.append(line)
    return kept


def back_to(lines: list[dict]) -> int | None:
    """The earliest step to which a training went back within these lines; None where it never did."""
    return min((line["step"] for line in lines if AGAIN in line), default=None)


def is_report(line: dict) -> bool:
    """Whether a line holds losses, and not a note or a mark."""
    return AGAIN not in line and "rate_factor" not in line


def finite(numbers: dict[str, float]) -> dict[str, float | None]:
    """Numbers as JSON knows them: None where one is none."""
    return {name: value if abs(value) < float("inf") else None for name, value in numbers.items()}
