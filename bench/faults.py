"""What training promises when things go wrong: killed workers and servers, a full disk, a flipped byte, cancels, two people at once."""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported, as app.py does it

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from statistics import median

from genmodels.datasets import hidden
from genmodels.train.events import Events
from genmodels.train.recipe import Plan, load_plan, plan_from
from genmodels.train.runs import Run
from genmodels.train.worker import Service

ROOT = Path(__file__).parents[1]
LOST, STOP, SHARE = 10.0, 1.0, 0.4  # seconds of training that a death may cost; that a stop may take; of the speed alone, for each of two
SAID = 0.5 + 0.1  # seconds between reports: by so much a loss cannot be told more exactly
PATIENCE = 120.0  # seconds after which something that was to come to pass has not
RECIPE = "mnist-vae-2d"


class Table:
    """Lines with bars; whether all were reached."""

    def __init__(self):
        self.fine = True

    def line(self, what: str, value: float, unit: str, bar: float, least: bool = False) -> None:
        reached = value >= bar if least else value <= bar
        self.fine &= reached
        print(f"  {what:78} {value:8.3g} {unit} (bar: at {'least' if least else 'most'} {bar:.3g}) {'reached' if reached else 'MISSED'}", flush=True)

    def all(self, what: str, done: int, of: int) -> None:
        self.fine &= done == of
        print(f"  {what:78} {done:4} of {of} {'reached' if done == of else 'MISSED'}", flush=True)


class Bench:
    """One service, and what is done to it. times: how often; within: by how much slower than promised a busy machine may be."""

    def __init__(self, folder: Path, plan: Plan, data: Path | None, times: int, within: float, seconds: float, table: Table):
        self.folder, self.plan, self.data, self.times, self.within, self.seconds, self.table = folder, plan, data, times, within, seconds, table
        self.service = Service(folder, data, "cpu", ROOT / "checkpoints")

    def started(self, owner: str = "ann") -> Run:
        run = self.service.start(self.plan, owner)
        wait_for(run.events)
        return run

    def done_with(self, *runs: Run) -> None:
        for run in runs:
            owner = next(one for one in ("ann", "bob") if run.about["owner"] == hidden(one))
            self.service.delete(run.name, owner)

    def survived(self, run: Run, kill: Callable[[], None]) -> tuple[float, int, float]:
        """Kill something at a random moment: seconds and steps of training that are lost, and seconds until it trains again."""
        time.sleep(random.uniform(0.3, self.seconds))
        kill()
        before, killed = run.events()[-1], time.monotonic()
        lines = len(all_lines(run))
        wait_for(lambda: len(all_lines(run)) > lines)
        back = time.monotonic() - killed
        kept = [line for line in run.events() if line["step"] <= before["step"]]
        went_back = next((line for line in all_lines(run)[lines:] if "went_back" in line), None)
        resumed = went_back or before  # nothing was done again
        seconds = before["seconds"] - (went_back["seconds"] if went_back else before["seconds"])
        assert kept or went_back, "the reports of a training that survived have gone"
        return seconds, before["step"] - resumed["step"], back

    def worker(self) -> None:
        """kill -9 of the worker process."""
        run, found = self.started(), []
        for _ in range(self.times):
            found.append(self.survived(run, lambda: os.kill(self.service.keeper.process.pid, signal.SIGKILL)))
        self._told("worker killed", found)
        self.done_with(run)

    def server(self) -> None:
        """kill -9 of the server process, alone and together with its worker; another server takes over."""
        run = self.started()
        self.service.close()
        for with_worker, what in ((False, "server killed"), (True, "server and worker killed")):
            self._told(what, [self._server_killed(run, with_worker) for _ in range(self.times)])
        self.service = Service(self.folder, self.data, "cpu", ROOT / "checkpoints")
        self.done_with(run)

    def _server_killed(self, run: Run, with_worker: bool) -> tuple[float, int, float]:
        """A server that is killed and followed by another; the end of that one is a clean one."""
        lines, server, followers = len(all_lines(run)), self._served(), []
        wait_for(lambda: len(all_lines(run)) > lines)

        def kill() -> None:
            workers = children(server.pid) if with_worker else []
            server.kill()
            for pid in workers:
                os.kill(pid, signal.SIGKILL)
            server.wait()
            followers.append(self._served())

        found = self.survived(run, kill)
        followers[0].terminate()
        followers[0].wait()
        wait_for(lambda: not workers_of(self.folder))
        return found

    def disk(self) -> None:
        """No room for files while it saves."""
        import resource
        run, paused, went_on, lost = self.started(), 0, 0, []
        for _ in range(self.times):
            wait_for(lambda: self.service.row(run.name, "ann")["state"] == "running")
            time.sleep(random.uniform(0.3, self.seconds / 2))
            pid, room = self.service.keeper.process.pid, random.choice((1, 2000, 30_000))  # bytes that a file may have
            hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)[1]
            before = run.events()[-1]
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (room, hard))
            time.sleep(self.seconds)  # a save comes in between
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))
            row = wait_for(lambda: (row := self.service.row(run.name, "ann"))["state"] == "paused" and row)
            paused += "disk is full" in row["why"]
            lines = len(all_lines(run))
            self.service.resume(run.name, "ann")
            went_on += self._goes_on(run, lines)
            back = next((line["seconds"] for line in all_lines(run)[lines:] if "went_back" in line), before["seconds"])
            lost.append(max(0.0, before["seconds"] - back))
        self.table.all("disk full while saving: paused, in words", paused, self.times)
        self.table.all("disk full while saving: goes on when there is room", went_on, self.times)
        self.table.line("disk full while saving: worst loss", max(lost), "s", (LOST + SAID) * self.within)
        self.done_with(run)

    def byte(self) -> None:
        """One byte of the newest saved state is another one."""
        run, found, went_on = self.started(), [], 0
        for _ in range(self.times):
            time.sleep(random.uniform(0.3, self.seconds))
            self.service.pause(run.name, "ann")
            before, newest = run.about, max((run.folder / "state").glob("*.safetensors"))
            content = bytearray(newest.read_bytes())
            content[random.randrange(len(content))] ^= 1 << random.randrange(8)
            newest.write_bytes(content)
            lines = len(all_lines(run))
            self.service.resume(run.name, "ann")
            went_on += self._goes_on(run, lines)
            back = next((line for line in all_lines(run)[lines:] if "went_back" in line), None)
            found.append((before["seconds"] - back["seconds"], before["step"] - back["step"], 0.0) if back else (0.0, 0, 0.0))
        self.table.all("newest state damaged: goes on from the one before", went_on, self.times)
        self._told("newest state damaged", found, again=False)
        self.done_with(run)

    def cancel(self) -> None:
        """Stopped at random moments, from before it has begun, while somebody else trains."""
        other, took, usable = self.started("bob"), [], 0
        for _ in range(5 * self.times):
            run = self.service.start(self.plan, "ann")
            time.sleep(random.uniform(0, self.seconds / 4))
            began = time.monotonic()
            self.service.stop(run.name, "ann")
            took.append(time.monotonic() - began)
            row = self.service.row(run.name, "ann")
            usable += row["state"] == "stopped" and (row["checkpoint"] or not (run.folder / "state").exists())
            self.done_with(run)
        self.table.line(f"cancelled {len(took)} times at random: slowest (median {median(took):.2f} s)", max(took), "s", STOP * self.within)
        self.table.all("cancelled: a model at once, if anything was trained", usable, len(took))
        self.done_with(other)

    def turns(self) -> None:
        """Two people at once, each beside the same training alone, round after round."""
        runs, rates = {owner: self.started(owner) for owner in ("ann", "bob")}, []
        for owner in runs:
            self.service.pause(runs[owner].name, owner)
        for _ in range(max(3, self.times // 4)):
            alone = {owner: self._rate({owner: runs[owner]})[owner] for owner in runs}
            both = self._rate(runs)
            rates.append([both[owner] / alone[owner] for owner in runs])
        for k, owner in enumerate(runs):
            share = median(row[k] for row in rates)
            self.table.line(f"two at once: {owner}'s share of the speed alone, median of {len(rates)} rounds", share, "", SHARE, least=True)
        self.done_with(*runs.values())

    def _rate(self, runs: dict[str, Run]) -> dict[str, float]:
        """Steps per second of runs that train at the same time."""
        for owner, run in runs.items():
            self.service.resume(run.name, owner)
        for owner, run in runs.items():
            wait_for(lambda owner=owner, run=run: self.service.row(run.name, owner)["state"] == "running")
        time.sleep(1)
        began, first = time.monotonic(), {owner: self.service.row(run.name, owner)["step"] for owner, run in runs.items()}
        time.sleep(2 * self.seconds)
        found = {}
        for owner, run in runs.items():
            found[owner] = (self.service.row(run.name, owner)["step"] - first[owner]) / (time.monotonic() - began)
        for owner, run in runs.items():
            self.service.pause(run.name, owner)
        return found

    def _goes_on(self, run: Run, lines: int) -> bool:
        """Whether it is trained again, once it has said more than so many lines: the first of them comes before run.json says so."""
        wait_for(lambda: len(all_lines(run)) > lines)
        return wait_for(lambda: (state := self.service.row(run.name, "ann")["state"]) != "waiting" and state) == "running"

    def _told(self, what: str, found: list[tuple[float, int, float]], again: bool = True) -> None:
        seconds, steps, back = (max(column) for column in zip(*found, strict=True))
        self.table.line(f"{what} {len(found)} times: worst loss ({steps:,} steps)", seconds, "s", (LOST + SAID) * self.within)
        if again:
            print(f"  {'slowest to train again':78} {back:8.3g} s", flush=True)

    def _served(self) -> subprocess.Popen:
        """A server in a process of its own."""
        more = ["--data", str(self.data)] if self.data else []
        return subprocess.Popen([sys.executable, "-m", "bench.faults", "--serve", str(self.folder), *more], cwd=ROOT)


PARTS = ("worker", "server", "disk", "byte", "cancel", "turns")


def wait_for(condition: Callable, seconds: float | None = None):
    """What a condition gives as soon as that is true. TimeoutError after so many seconds, or PATIENCE."""
    deadline = time.monotonic() + (seconds or PATIENCE)
    while not (met := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"What was to come to pass did not within {seconds or PATIENCE:.0f} s.")
        time.sleep(0.02)
    return met


def all_lines(run: Run) -> list[dict]:
    return Events(run.folder / "events.jsonl").lines()


def children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def workers_of(folder: Path) -> list[int]:
    """Worker processes that still serve a folder of runs."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"genmodels.train.turns" in words and str(folder.resolve()).encode() in words:
            found.append(int(path.parent.name))
    return found


def preferred(folder: Path, nice: int) -> None:
    """Give the workers of a folder another priority, for ever: where a machine is busy with something else, theirs would be none."""
    while True:
        for pid in workers_of(folder):
            with suppress(ProcessLookupError):
                os.setpriority(os.PRIO_PROCESS, pid, nice)
        time.sleep(0.2)


def tiny() -> Plan:
    """What is trained where there is no MNIST."""
    return plan_from({"format": 1, "family": "vae", "dataset": "digits", "model": {"image_shape": [1, 8, 8]}, "recipe": {"stages": [{"steps": 200_000}]}})


def serve(folder: Path, data: Path | None) -> int:
    """Be a server until the end."""
    service = Service(folder, data, "cpu", ROOT / "checkpoints")
    service.rows("ann")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        while True:
            time.sleep(1)
    finally:
        service.close()


def main(arguments: list[str] | None = None) -> int:
    """0 where all promises are kept, else 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--data", type=Path, help=f"a folder with mnist.npz: the net of {RECIPE} is trained; without it a small one of the small digits")
    parser.add_argument("--times", type=int, default=20, help="faults of each kind, and a fifth of the cancels")
    parser.add_argument("--seconds", type=float, default=12.0, help="within which a fault comes at random")
    parser.add_argument("--within", type=float, default=1.0, help="times the promised seconds, for a machine that is busy with something else")
    parser.add_argument("--nice", type=int, help="priority of the processes that train, -20 to 19, instead of their own low one; needs root below that")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args(arguments)
    if args.serve:
        return serve(args.serve, args.data)
    random.seed(args.seed)
    table, plan = Table(), load_plan(ROOT / "recipes" / f"{RECIPE}.json") if args.data else tiny()
    print(f"{plan.family} of {plan.dataset}, {args.times} times each, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        if args.nice is not None:
            threading.Thread(target=preferred, args=(Path(folder) / "runs", args.nice), daemon=True).start()
        bench = Bench(Path(folder) / "runs", plan, args.data and args.data.resolve(), args.times, args.within, args.seconds, table)
        try:
            for part in args.parts:
                getattr(bench, part)()
        finally:
            bench.service.close()
    return int(not table.fine)


if __name__ == "__main__":
    sys.exit(main())
