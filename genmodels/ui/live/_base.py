"""A Gradio component that hands its place on the page to a JavaScript module."""

import json
from functools import cache

import gradio as gr

from ..theme import ASSETS
from .files import Files


class Live(gr.HTML):
    """Loads assets/js/MODULE.js and calls its mount(element, options) once the component is on the page."""

    MODULE = ""

    def __init__(self, **options):
        module = f"{_assets_address().removeprefix('/')}/js/{self.MODULE}.js"
        super().__init__(
            html_template="<div class='lp-place'></div>",
            js_on_load=f"import(new URL({json.dumps(module)}, document.baseURI)).then("
                       f"module => module.mount(element.querySelector('.lp-place'), {json.dumps(options)}));",
            apply_default_css=False, elem_classes="lp-live", padding=False,
        )

    def get_block_name(self) -> str:
        return "html"


@cache
def _assets_address() -> str:
    return Files(ASSETS).address
