"""The head of the page: model picker, what the model is, where it runs, light and dark."""

from dataclasses import asdict, dataclass

from ._base import Live


@dataclass(frozen=True)
class Place:
    """Where a page lies. space: owner/name of the Hugging Face Space, "" anywhere else; keeps: whether the disk there outlives a sleep;
    wish: the Hub's name of the model that the page is for, if it has to be fetched (see `Wish`)."""

    space: str = ""
    keeps: bool = True
    wish: str = ""


class Head(Live):
    MODULE = "picker"

    def __init__(self, first_model: str, title: str, place: Place):
        super().__init__(firstModel=first_model, title=title, **asdict(place))
