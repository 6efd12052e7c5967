"""A Gradio component that hands its place on the page to a JavaScript module."""

import json
from functools import cache

import gradio as gr

from ..theme import ASSETS
from .files import Files

MOUNT = """
const place = element.querySelector('.lp-place');
import(new URL(%s, document.baseURI)).then(module => module.mount(place, %s)).catch(error => {
    console.error(error);
    place.textContent = 'This part of the page could not be loaded. Reload the page; if that does not help, the server may have been updated or stopped.';
});
"""


class Live(gr.HTML):
    """Loads assets/js/MODULE.js and calls its mount(element, options) once the component is on the page."""

    MODULE = ""

    def __init__(self, **options):
        module = f"{_assets_address().removeprefix('/')}/js/{self.MODULE}.js"
        super().__init__(
            html_template="<div class='lp-place'><p class='lp lp-wait'>Loading …</p></div>", js_on_load=MOUNT % (json.dumps(module), json.dumps(options)),
            apply_default_css=False, elem_classes="lp-live", padding=False,
        )

    def get_block_name(self) -> str:
        return "html"


@cache
def _assets_address() -> str:
    return Files(ASSETS).address
