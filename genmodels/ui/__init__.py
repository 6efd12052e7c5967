"""The page. Each file in tabs/ has TITLE, ORDER and build(engine)."""

import gradio as gr

from ..engine import Engine
from ..registry import modules_in
from . import tabs
from .live.head import Head

TITLE = "Latent Playground"


def page(engine: Engine, first_model: str = "", title: str = TITLE) -> gr.Blocks:
    """The whole page: its head with the model picker, and one tab for each thing a person wants to do."""
    with gr.Blocks(title=title, analytics_enabled=False, delete_cache=(600, 7200)) as blocks:
        Head(first_model, title)
        with gr.Tabs():
            for name, tab in sorted(modules_in(tabs).items(), key=lambda item: item[1].ORDER):
                with gr.Tab(tab.TITLE, id=name):
                    tab.build(engine)
    return blocks
