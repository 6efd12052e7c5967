"""Publishing a model on the Hub: everything that will be sent is drafted first, to be looked at, and then sent in one commit."""

import io
import json
import logging
import re
import threading
from dataclasses import dataclass

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, ModelInfo
from huggingface_hub.errors import LocalTokenNotFoundError

from .. import card
from ..checkpoint import Checkpoint
from ..client import NAME, Hub, Meter, Progress, Repository, Stopped
from .leaflet import MEMBERS, ONNX, leaflet
from .source import SOURCE

LICENCES = ("apache-2.0", "mit", "bsd-3-clause", "cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0", "other")  # as the Hub spells them
NON_COMMERCIAL = re.compile(r"non-?commercial|\bnc\b", re.IGNORECASE)
BEGINS = {".gitattributes", "README.md"}  # what a repository may have that nothing was put into
LONGEST_TITLE, LONGEST_WORDS = 120, 4000  # characters
logging.getLogger("huggingface_hub._commit_api").addFilter(lambda record: "binary IO buffer" not in str(record.msg))  # `_Counted` means it


@dataclass(frozen=True)
class Draft:
    """All that would be sent: every file by its name in the repository, the card among them as README.md."""

    repo: str
    files: dict[str, bytes]
    card: str


@dataclass(frozen=True)
class Published:
    """Where it is now. late: somebody wanted to stop it when it had been sent already."""

    url: str
    commit: str
    late: bool = False


def licences(checkpoint: Checkpoint) -> tuple[str, ...]:
    """The licences under which a model may be given: where its data, or its own licence, allow no commerce, none that would."""
    _, terms = card.terms(checkpoint)
    if NON_COMMERCIAL.search(terms) or NON_COMMERCIAL.search(checkpoint.about["licence"]):
        return tuple(name for name in LICENCES if "-nc-" in name or name == "other")
    return LICENCES


def draft(checkpoint: Checkpoint, repo: str, *, licence: str, title: str = "", words: str = "", onnx: bytes | None = None) -> Draft:
    """A repository for a checkpoint, after one dry run of it. title is one line, words are Markdown, onnx its twin for browsers.

    ValueError in words: a name that is none, a licence that the data does not allow, a model that is somebody else's or broken.
    """
    if not NAME.fullmatch(repo):
        raise ValueError(f"{repo!r:.80} is not the name of a repository: type owner/name, where the owner is you or an organisation of yours.")
    if (checkpoint.folder / SOURCE).exists():
        raise ValueError(f"{checkpoint.name} came from the Hub and is somebody's work: it stays theirs to publish.")
    if licence not in (allowed := licences(checkpoint)):
        why = "" if allowed == LICENCES else " for what was learned from data without commercial use"
        raise ValueError(f"{licence!r:.60} is no licence to choose{why}; there are {', '.join(allowed)}.")
    title, words = " ".join(title.split()), words.strip()
    if len(title) > LONGEST_TITLE or len(words) > LONGEST_WORDS:
        raise ValueError(f"A title may have {LONGEST_TITLE} characters and the words about a model {LONGEST_WORDS:,}, not {len(title)} and {len(words):,}.")
    checkpoint.load()
    files = {name: (checkpoint.folder / name).read_bytes() for name in MEMBERS if (checkpoint.folder / name).exists()}
    files["config.json"] = json.dumps(checkpoint.about | {"licence": licence}, indent=2).encode()
    if onnx is not None:
        files[ONNX] = onnx
    text = leaflet(checkpoint, repo, licence, title, words, files)
    return Draft(repo, files | {"README.md": text.encode()}, text)


def publish(draft: Draft, hub: Hub, *, private: bool = True, over: bool = False, progress: Progress | None = None,
            stopped: threading.Event | None = None) -> Published:
    """Send a draft: into a new repository, or as one more commit of an old one, which must be said by `over`.

    The token is that of `hub`, or the client's own (HF_TOKEN, `hf auth login`); it is neither kept nor named in an error.
    progress(done, total, "bytes"), at last with "publishing" in place of "bytes". `stopped` raises `Stopped` until the commit is on its
    way; after that it is too late, and `Published.late` says so. FileExistsError tells what is there already where `over` was not said;
    the other errors are those of `client.Repository`, one sentence each.
    """
    stopped = stopped or threading.Event()
    sending = _Sending(hub, draft.repo, progress=progress, stopped=stopped)
    try:
        done = _send(draft, sending, private, over)
    except Stopped:
        raise Stopped(sending.left) from None
    return Published(f"{sending.api.endpoint}/{draft.repo}", done, stopped.is_set())


def _send(draft: Draft, sending: "_Sending", private: bool, over: bool) -> str:
    """All the steps, up to the new commit."""
    sending.check_owner()
    there = sending.there()
    files = {one.rfilename for one in there.siblings or ()} if there else set()
    if there and not over and (files - BEGINS or there.private != private):
        raise FileExistsError(f"{draft.repo} exists already, {'private' if there.private else 'public'}, with {len(files)} files. Publishing would add a new "
                              "commit on top of them and change nothing about who may see it. Say that you want that, or choose another name.")
    if there is None:
        there = sending.create(private)
    operations = [CommitOperationAdd(path, _Counted(content)) for path, content in draft.files.items()]
    sending.upload(operations)
    stale = [CommitOperationDelete(path) for path in files & {*MEMBERS, ONNX} - set(draft.files)]  # it speaks of other weights
    if sending.stopped.is_set():
        raise Stopped
    return sending.commit([*operations, *stale], there.sha)


class _Counted(io.BytesIO):
    """A file's content on its way: how far it has been read, and an end to it when nobody waits for it any more. Such a file goes
    by plain requests (not by Xet, which takes bytes and paths alone), so that it can be counted and stopped."""

    def __init__(self, content: bytes):
        super().__init__(content)
        self.furthest, self.bar = 0, None

    def read(self, size: int | None = -1) -> bytes:
        content = super().read(size)
        if self.bar is not None:  # an empty bar is false
            new = max(0, self.tell() - self.furthest)
            self.furthest += new
            self.bar.update(new)
        return content


class _Sending(Repository):
    """A repository that something is put into. `left` says what has happened on the Hub so far."""

    def __init__(self, *args, **settings):
        super().__init__(*args, **settings)
        self.api, self.left = self.hub.api(), "Nothing was published."

    def check_owner(self) -> None:
        """PermissionError unless somebody is logged in who may publish under this name."""
        me = self.ask(self.api.whoami)
        names = [me["name"], *(one["name"] for one in me.get("orgs", ()))]
        if (owner := self.name.split("/")[0]) not in names:
            yours = " or ".join(f"{name}/…" for name in names[:5])
            raise PermissionError(f"You are logged in as {me['name']}: what you publish is called {yours}, not {owner}/….")

    def there(self) -> ModelInfo | None:
        """What the repository is now, None where there is none that one may see."""
        try:
            return self.ask(lambda: self.api.model_info(self.name))
        except FileNotFoundError:
            return None

    def create(self, private: bool) -> ModelInfo:
        def create() -> ModelInfo:
            self.api.create_repo(self.name, private=private)
            self.left = self.advice = f"A new repository {self.name} is there and still empty; publishing again fills it."
            return self.api.model_info(self.name)
        return self.ask(create)

    def upload(self, operations: list[CommitOperationAdd]) -> None:
        """Bring the large files there, where nobody sees them before the commit; small ones go with it."""
        self.meter = Meter(sum(one.upload_info.size for one in operations))
        for one in operations:
            one.path_or_fileobj.bar = self.meter.bars()()

        def upload() -> None:
            for one in operations:  # alone, for several would draw a bar in the terminal
                self.api.preupload_lfs_files(self.name, [one], free_memory=False)
        self.ask(upload)

    def commit(self, operations: list, parent: str | None) -> str:
        """The moment from which it is there for others. It cannot be stopped, and its answer can be lost."""
        self.progress(self.meter.total, self.meter.total, "publishing")
        self.meter, self.progress, self.stopped = Meter(), lambda *_: None, threading.Event()
        for one in operations:
            if isinstance(one, CommitOperationAdd):
                one.path_or_fileobj.bar = None
        self.advice = f"It may be published all the same: look at {self.name} before you try again."
        return self.ask(lambda: self.api.create_commit(self.name, operations, commit_message="Published with Latent Playground", parent_commit=parent)).oid

    def in_words(self, error: BaseException) -> BaseException:
        if isinstance(error, LocalTokenNotFoundError):
            return PermissionError("Nobody is logged in to the Hub here: run `hf auth login` or set HF_TOKEN, with a token that may write, and try again.")
        if isinstance(error, ValueError) and "metadata in README.md" in str(error):
            return ValueError(f"The Hub does not accept the first lines of the card of {self.name}. Choose another licence or title. {self.left}")
        return super().in_words(error)

    def refusal(self, status: int, code: str) -> OSError:
        if status == 403:
            return PermissionError(f"Your login may not write to {self.name}: it needs a token with the right to write there. {self.left}")
        if status == 409:
            return FileExistsError(f"{self.name} exists already, where your login cannot see it: choose another name. {self.left}")
        if status == 412:
            return ConnectionError(f"Somebody else changed {self.name} at the same moment: look at it and try again. {self.left}")
        return super().refusal(status, code)
