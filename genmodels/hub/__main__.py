"""The Hub from the command line: python -m genmodels.hub look|fetch|list|delete|publish"""

import argparse
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

from ..checkpoint import Checkpoint, find
from . import Hub, Shelf, Stopped
from .publishing import LICENCES, Draft, draft, publish
from .shelf import readable


def main(arguments: list[str] | None = None) -> int:
    """0 when done, 1 when the person said no, 2 with one sentence when it cannot be done, 130 when stopped by Ctrl-C."""
    args = _parse(arguments)
    shelf = Shelf(args.shelf, Hub())
    try:
        return args.do(args, shelf)
    except (Stopped, KeyboardInterrupt) as error:
        print(f"Stopped. {error}".strip(), file=sys.stderr)
        return 130
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m genmodels.hub", description="Models from the Hugging Face Hub and to it. The login is "
                                     "the one of its own client: HF_TOKEN, or `hf auth login`.")
    parser.add_argument("--shelf", type=Path, default=Path("data/fetched"), help="where fetched models lie (DATA_DIR/fetched)")
    parts = parser.add_subparsers(required=True, metavar="look|fetch|list|delete|publish")
    for name, do, help in (("look", _look, "what a repository is, and how large"), ("fetch", _fetch, "fetch a model")):
        part = parts.add_parser(name, help=help)
        part.add_argument("repo", metavar="OWNER/NAME[@REVISION]")
        part.set_defaults(do=do)
    parts.add_parser("list", help="what was fetched").set_defaults(do=_list)
    part = parts.add_parser("delete", help="delete what was fetched")
    part.add_argument("name", metavar="NAME", help="as list shows it")
    part.set_defaults(do=_delete)
    part = parts.add_parser("publish", help="publish a checkpoint, after showing all that will be sent")
    part.add_argument("checkpoint", metavar="CHECKPOINT", help="its name in checkpoints/ or data/checkpoints/, or the path of its folder")
    part.add_argument("repo", metavar="OWNER/NAME")
    part.add_argument("--licence", required=True, choices=LICENCES, help=", ".join(LICENCES))
    part.add_argument("--title", default="", help="one line above the card")
    part.add_argument("--words", default="", help="what you want to say about it, in Markdown")
    part.add_argument("--public", action="store_true", help="for everybody to see; without it the repository is private")
    part.add_argument("--over", action="store_true", help="add a commit to a repository that exists already")
    part.add_argument("--no-onnx", action="store_true", help="leave out decoder.onnx, the twin for browsers")
    part.add_argument("--yes", action="store_true", help="do not ask before sending")
    part.set_defaults(do=_publish)
    return parser.parse_args(arguments)


def _look(args: argparse.Namespace, shelf: Shelf) -> int:
    look = shelf.look(args.repo)
    print(f"{look.repo} at {look.commit}\n{look.title}, {readable(look.bytes)} to fetch, licence: {look.licence or 'none named'}")
    print("".join(f"  {sentence}\n" for sentence in look.account), end="")
    return 0


def _fetch(args: argparse.Namespace, shelf: Shelf) -> int:
    before = {one.name for one in shelf.fetched()}
    with _stoppable() as stopped, _bar() as progress:
        one = shelf.fetch(args.repo, progress, stopped)
    if one.name in before:
        print(f"It was here already, fetched {one.fetched}.")
    print(f"{shelf.folder / one.name}: {one.repo} at {one.commit}, {readable(one.bytes)}")
    print("".join(f"  {sentence}\n" for sentence in one.account), end="")
    return 0


def _list(args: argparse.Namespace, shelf: Shelf) -> int:
    there = shelf.fetched()
    for one in there:
        print(f"{one.name}  {readable(one.bytes)}  {one.format}  {one.fetched}")
    print(f"{len(there)} fetched, {readable(sum(one.bytes for one in there))} of {readable(shelf.room)}")
    return 0


def _delete(args: argparse.Namespace, shelf: Shelf) -> int:
    shelf.delete(args.name)
    print(f"{args.name} is deleted.")
    return 0


def _publish(args: argparse.Namespace, shelf: Shelf) -> int:
    checkpoint = _named(args.checkpoint)
    whole = draft(checkpoint, args.repo, licence=args.licence, title=args.title, words=args.words,
                  onnx=None if args.no_onnx else _onnx(checkpoint))
    _show(whole, args.public)
    if not args.yes and not _agreed():
        print("Nothing was sent.")
        return 1
    with _stoppable() as stopped, _bar() as progress:
        done = publish(whole, Hub(), private=not args.public, over=args.over, progress=progress, stopped=stopped)
    print(f"{'It had been sent before it could be stopped: ' if done.late else ''}{done.url} at {done.commit}")
    return 0


def _named(name: str) -> Checkpoint:
    found = find(Path("checkpoints"), Path("data/checkpoints"))
    if name in found:
        return found[name]
    if (Path(name) / "config.json").exists():
        return Checkpoint(Path(name).resolve())
    raise FileNotFoundError(f"There is no checkpoint {name!r:.200}; name a folder that holds one, or one of {', '.join(sorted(found)) or 'none'}.")


def _onnx(checkpoint: Checkpoint) -> bytes | None:
    """The twin for browsers, None for a model that has none."""
    from ..export import check, to_onnx  # takes a second to import
    try:
        check(checkpoint.blueprint)
    except ValueError:
        return None
    return to_onnx(checkpoint.load())


def _show(whole: Draft, public: bool) -> None:
    """All that will be sent."""
    print(whole.card)
    for name, content in sorted(whole.files.items()):
        print(f"{readable(len(content)):>12}  {name}")
    print(f"These {len(whole.files)} files go to {whole.repo}, {'for everybody to see' if public else 'private'} if it is new.")


def _agreed() -> bool:
    try:
        return input("Send this? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:  # nobody is there to answer; --yes is for that
        return False


@contextmanager
def _bar() -> Iterator:
    """Progress as a bar in a terminal, nothing where there is none."""
    with tqdm(unit="B", unit_scale=True, disable=None) as bar:
        def progress(done: int, total: int, stage: str) -> None:
            bar.total = total
            bar.set_description("" if stage == "bytes" else stage)
            bar.update(done - bar.n)
        yield progress


@contextmanager
def _stoppable() -> Iterator[threading.Event]:
    """An event that Ctrl-C sets. A second one does not wait any longer."""
    stopped = threading.Event()

    def stop(*_) -> None:
        if stopped.is_set():
            raise KeyboardInterrupt
        stopped.set()

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield stopped
    finally:
        signal.signal(signal.SIGINT, before)


if __name__ == "__main__":
    sys.exit(main())
