"""What a page sends in one piece, a file or a JSON object no larger than what is asked for, and the JSON that it is answered with."""

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

from .waiting import Refused


def json_answer(value: Any) -> JSONResponse:
    """An answer of now, which a browser does not keep for later."""
    return JSONResponse(value, headers={"Cache-Control": "no-store"})


async def content_of(request: Request, largest: int, too_large: str) -> bytes:
    """The whole body. Refused (413) with that sentence as soon as it is larger; the rest is not read."""
    content = bytearray()
    async for part in request.stream():
        content += part
        if len(content) > largest:
            raise Refused(413, too_large)
    return bytes(content)


async def json_object(request: Request, largest: int) -> dict[str, Any]:
    """The body's object; none at all is an empty one. Refused (400, 413) for anything else, also for NaN and Infinity, which are no JSON."""
    content = await content_of(request, largest, "This is longer than anything that is asked for here.")
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
