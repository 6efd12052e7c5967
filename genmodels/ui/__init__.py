"""The page. Each file in tabs/ has TITLE, ORDER and build(engine)."""

from collections.abc import Sequence

import gradio as gr

from ..engine import Engine
from ..registry import modules_in
from . import tabs as rooms
from .endpoints import endpoints
from .live.head import Head, Place

TITLE = "Latent Playground"
HERE = Place()


def page(engine: Engine, first_model: str = "", title: str = TITLE, tabs: Sequence[str] = (), place: Place = HERE) -> gr.Blocks:
    """The whole page: its head with the model picker, and one tab for each thing a person wants to do.

    tabs: which ones, in this order, by the names of their files; none are all. ValueError in words for a tab that there is not.
    """
    there = modules_in(rooms)
    if unknown := [name for name in tabs if name not in there]:
        raise ValueError(f"There is no tab {unknown[0]!r:.40}; there are {', '.join(sorted(there, key=lambda name: there[name].ORDER))}.")
    with gr.Blocks(title=title, analytics_enabled=False, delete_cache=(600, 7200)) as blocks:
        Head(first_model, title, place)
        with gr.Tabs(elem_classes="lp-one-tab" if len(tabs) == 1 else None, overflow_behavior="wrap"):  # all of them in one list, which scrolls on a phone
            for name in dict.fromkeys(tabs) or sorted(there, key=lambda name: there[name].ORDER):
                with gr.Tab(there[name].TITLE, id=name):
                    there[name].build(engine)
        endpoints(engine)
    return blocks
