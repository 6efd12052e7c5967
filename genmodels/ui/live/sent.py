"""What a page sends as JSON: one object, no larger than what is asked for."""

import json
from typing import Any

from starlette.requests import Request

from .waiting import Refused


async def json_object(request: Request, largest: int) -> dict[str, Any]:
    """The body's object; none at all is an empty one. Refused (400, 413) for anything else, also for NaN and Infinity, which are no JSON."""
    content = bytearray()
    async for part in request.stream():
        content += part
        if len(content) > largest:
            raise Refused(413, "This is longer than anything that is asked for here.")
    try:
        sent = json.loads(content or b"{}", parse_constant=_no_number)
        json.dumps(sent, ensure_ascii=False).encode()  # half a character, which JSON can say, is no text that could be answered
    except (ValueError, RecursionError):
        sent = None
    if not isinstance(sent, dict):
        raise Refused(400, "The body must be a JSON object.")
    return sent


def _no_number(word: str) -> None:
    raise ValueError(word)
