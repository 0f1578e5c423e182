"""Examples as token ids, made when first asked for: a short training of a large corpus reads little of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import overload

from endcloud.end.chat_format import Tokenized
from endcloud.types import Example


class TokenizedExamples(Sequence[Tokenized]):
    """The examples in their order, each tokenized once by `tokenized`."""

    def __init__(self, examples: Sequence[Example], tokenized: Callable[[Example], Tokenized]) -> None:
        self._examples, self._tokenized = examples, tokenized
        self._made: dict[int, Tokenized] = {}

    def __len__(self) -> int:
        return len(self._examples)

    @overload
    def __getitem__(self, number: int) -> Tokenized: ...
    @overload
    def __getitem__(self, number: slice) -> list[Tokenized]: ...
    def __getitem__(self, number: int | slice) -> Tokenized | list[Tokenized]:
        if isinstance(number, slice):
            return [self[each] for each in range(*number.indices(len(self)))]
        if not 0 <= number < len(self):
            raise IndexError(number)
        if number not in self._made:
            self._made[number] = self._tokenized(self._examples[number])
        return self._made[number]
