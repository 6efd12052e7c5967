"""Cards of all models, fetching from the Hub, and publishing."""

from gradio import oauth
from gradio.utils import get_space

from ._base import Live


class Models(Live):
    MODULE = "models"


def can_sign_in() -> bool:
    """Whether this is a Space whose front matter says `hf_oauth: true`; Gradio's sign-in button works nowhere else."""
    return get_space() is not None and oauth.OAUTH_CLIENT_ID is not None
