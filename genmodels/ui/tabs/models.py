"""Models: what there is, more of it from the Hugging Face Hub, and giving one away."""

import gradio as gr

from ...engine import Engine
from ..live.models import Models, can_sign_in

TITLE, ORDER = "Models", 90


def build(engine: Engine) -> None:
    """All of it goes over the live roads; where people can sign in with Hugging Face there is Gradio's button for it as well."""
    Models()
    if can_sign_in():
        gr.LoginButton(elem_classes="lp-signin", size="sm")
