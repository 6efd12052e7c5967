"""A Gradio component that hands its place on the page to a JavaScript module."""

import json

import gradio as gr

from .routes import asset_hash
from ..theme import ASSETS


class Live(gr.HTML):
    """Loads assets/js/MODULE.js and calls its mount(element, options) once the component is on the page."""

    MODULE = ""

    def __init__(self, **options):
        address = f"live/assets/{asset_hash(ASSETS)}/js/{self.MODULE}.js"
        super().__init__(
            html_template="<div class='lp-place'></div>",
            js_on_load=f"import(new URL({json.dumps(address)}, document.baseURI)).then("
                       f"module => module.mount(element.querySelector('.lp-place'), {json.dumps(options)}));",
            apply_default_css=False, elem_classes="lp-live", padding=False,
        )

    def get_block_name(self) -> str:
        return "html"
