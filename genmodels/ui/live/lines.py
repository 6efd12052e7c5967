"""Answers that come in pieces: lines of JSON, each as soon as it is known, and what is held for them let go of at their end."""

import json
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import ExitStack
from typing import Any

import numpy as np
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send


class Lines(StreamingResponse):
    """Lines of JSON; whatever happens to them, what they hold on to is let go of at their end."""

    def __init__(self, lines: AsyncIterator[bytes], held: ExitStack):
        super().__init__(lines, media_type="application/x-ndjson", headers={"Cache-Control": "no-store"})
        self.held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self.held:
            await super().__call__(scope, receive, send)


def line(value: dict[str, Any]) -> bytes:
    return json.dumps(value).encode() + b"\n"


def text(values: np.ndarray) -> str:
    """The bytes of an array in base64."""
    return b64encode(np.ascontiguousarray(values).tobytes()).decode()
