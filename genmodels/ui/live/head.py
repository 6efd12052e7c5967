"""The head of the page: model picker, what the model is, where it runs, light and dark."""

from ._base import Live


class Head(Live):
    MODULE = "picker"

    def __init__(self, first_model: str, title: str):
        super().__init__(firstModel=first_model, title=title)
