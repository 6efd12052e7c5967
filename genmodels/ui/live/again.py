"""Answers that are asked for again: a class that opens one link asks for the same pictures a hundred times."""

from collections import OrderedDict
from collections.abc import Hashable
from hashlib import blake2b

ROOM = 32 << 20  # bytes of answers
LARGEST = 1 << 20  # of one of them


class Again:
    """The answers given last, by everything that they depend on: whoever asks for exactly the same gets the same bytes."""

    def __init__(self, room: int = ROOM):
        self.room, self.size = room, 0
        self.answers: OrderedDict[Hashable, bytes] = OrderedDict()  # least recently asked for first

    def key(self, *asked: Hashable) -> Hashable:
        """A name for a question; the last part of it is the body, of which a digest is kept."""
        *rest, body = asked
        return *rest, blake2b(body, digest_size=16).digest()

    def get(self, key: Hashable) -> bytes | None:
        if key not in self.answers:
            return None
        self.answers.move_to_end(key)
        return self.answers[key]

    def keep(self, key: Hashable, answer: bytes) -> None:
        if len(answer) > LARGEST or key in self.answers:
            return
        self.answers[key] = answer
        self.size += len(answer)
        while self.size > self.room:
            self.size -= len(self.answers.popitem(last=False)[1])
