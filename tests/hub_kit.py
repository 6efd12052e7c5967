"""What tests of the Hub share: somebody who may publish, a tiny model to be published, and what a sentence is."""

from pathlib import Path

from genmodels.checkpoint import Checkpoint

from .conftest import save_tiny, tiny_model
from .hub_stand_in import HubStandIn, Person

TOKEN = "token-of-ada-that-nobody-may-see"


def with_ada(hub: HubStandIn) -> HubStandIn:
    """The Hub, on which ada may publish, for herself and for the organisation `lab`."""
    hub.people[TOKEN] = Person("ada", ("lab",))
    return hub


def tiny_checkpoint(folder: Path) -> Checkpoint:
    return save_tiny(tiny_model("vae"), folder)


def files_of(checkpoint: Checkpoint) -> dict[str, bytes]:
    """A repository that holds a checkpoint of ours."""
    card = b"---\nlicense: mit\n---\n# Small\n"
    return {path.name: path.read_bytes() for path in checkpoint.folder.iterdir()} | {"README.md": card}


def assert_sentence(error: BaseException, words: str) -> None:
    """One line for a person: it ends as sentences end and names no class path, address of a server or token."""
    text = str(error)
    assert words in text and text.endswith((".", "?")) and "\n" not in text and "http://" not in text and len(text) < 400 and TOKEN not in text, text
