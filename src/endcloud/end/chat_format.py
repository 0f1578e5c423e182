"""How a conversation becomes token ids: the one renderer of training and serving alike.

The tokenizer's own chat template decides what stands between the contents of the messages. It is found by
rendering marks instead of contents and cutting the text there, so any template works, and only this text of
the template's own is encoded with control tokens. What people wrote is encoded apart, with every control
token split into ordinary pieces: a customer who types `<|assistant|>` has typed eleven characters, nothing
more. The loss is on the reply and the token that ends it; everything before is context.

Some models begin their reply with words of the format: ChatGLM3 and GLM-4 write a line of metadata, nearly always
empty. The template tells: what it puts in front of a recorded reply, but not at the end of a prompt, the model
itself writes. So a reply to learn begins with it, and it is cut off what customers see.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from endcloud.errors import ModelError, TrainingError
from endcloud.types import Example, Message, Role

IGNORED = -100
"""The label of a token that is context only (PyTorch's `ignore_index`)."""

DEFAULT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{{ message['role'] }}\n{{ message['content'] }}{{ eos_token }}"
    "{% endfor %}{% if add_generation_prompt %}assistant\n{% endif %}"
)
"""Used where a tokenizer brings no template: role, line break, content, end token. The end token is a control
token, so no customer can write it, and a role at the beginning of a turn is therefore always a real one."""

_BYTE_TOKEN = re.compile(r"<0x[0-9A-F]{2}>")
_MARKUP = re.compile(r"<[^<>\s]+>")


@dataclass(frozen=True, slots=True)
class Tokenized:
    """One training example as ids: the first `prompt` of them are context, the rest is learned."""

    ids: tuple[int, ...]
    prompt: int
    weight: float = 1.0

    @property
    def labels(self) -> tuple[int, ...]:
        return (IGNORED,) * self.prompt + self.ids[self.prompt :]


def with_system(system: str, messages: Sequence[Message]) -> tuple[Message, ...]:
    """Puts the end model's role sentence in front, merged with system messages the conversation may hold."""
    sentences = [system, *(message.content for message in messages if message.role == "system")]
    text = "\n".join(sentence for sentence in sentences if sentence)
    rest = tuple(message for message in messages if message.role != "system")
    return (Message("system", text), *rest) if text else rest


class ChatFormat:
    """Renders conversations for one tokenizer. `stop_ids[0]` ends a reply in training; any of them in generation.

    Raises ModelError where the tokenizer can neither end a reply nor render a plain conversation.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self.tokenizer = tokenizer
        self._template = tokenizer.chat_template or DEFAULT_TEMPLATE
        added = tokenizer.added_tokens_decoder
        self._control_ids = frozenset(
            index for index, token in added.items() if token.special and not _BYTE_TOKEN.fullmatch(token.content)
        )
        # Special tokens are split by the tokenizer itself; `<think>` and its kind are added, but not special.
        literals = {t.content for t in added.values() if not t.special and _MARKUP.fullmatch(t.content)}
        self._literals = re.compile("|".join(map(re.escape, sorted(literals)))) if literals else None
        self._pieces_of: dict[tuple[Role, ...], tuple[tuple[int, ...], ...]] = {}
        self._text_ids: dict[str, tuple[int, ...]] = {}
        self._spaced = "".join(tokenizer.tokenize("甲")).startswith("▁")
        self.stop_ids = self._find_stop_ids()
        self.lead_ids = self._find_lead()
        self._lead = self._decoded((*self.lead_ids, *self.text_ids("甲"))).removesuffix("甲")

    def prompt_ids(self, messages: Sequence[Message], limit: int | None = None) -> list[int]:
        """The conversation up to where the model speaks, at most `limit` tokens.

        Too long a conversation loses its oldest turns first, never the system sentence; where the newest turn
        alone is too long, it loses its beginning. Raises TrainingError if not even one token of it would stay.
        """
        kept = tuple(messages)
        ids = self._render(kept)
        while limit is not None and len(ids) > limit and (shorter := _without_oldest(kept)) is not None:
            kept = shorter
            ids = self._render(kept)
        if limit is None or len(ids) <= limit:
            return ids
        room = len(self.text_ids(kept[-1].content)) - (len(ids) - limit)
        if room < 1:
            raise TrainingError(
                f"An input of {limit!r} tokens has no room for the system sentence and one word of the customer; "
                "shorten the sentence or raise the input length."
            )
        return self._render(kept, newest=room)

    def reply_ids(self, text: str, limit: int | None = None) -> list[int]:
        """A reply to learn: what the model writes before it, its text and the stop token. Where `limit` cuts the
        text the stop token is left out, since the reply does not end there."""
        ids = [*self.lead_ids, *self.text_ids(text), self.stop_ids[0]]
        return ids if limit is None else ids[:limit]

    def tokenized(
        self, example: Example, system: str, input_limit: int | None = None, output_limit: int | None = None
    ) -> Tokenized:
        """An example as it is trained on. Raises TrainingError where no token of a reply would be learned."""
        prompt = self.prompt_ids(with_system(system, example.messages), input_limit)
        reply = self.reply_ids(example.reply, output_limit)
        if not example.reply.strip() or not reply:
            raise TrainingError(f"Example {example.id!r} has no reply to learn; leave it out.")
        return Tokenized((*prompt, *reply), len(prompt), example.weight)

    def text_ids(self, text: str) -> tuple[int, ...]:
        """What a person wrote, with no control token in it, whatever it says."""
        found = self._text_ids.get(text)
        if found is None:
            found = tuple(
                index
                for part in self._split_literals(text)
                for index in self.tokenizer.encode(part, add_special_tokens=False, split_special_tokens=True)
            )
            if len(self._text_ids) > 50_000:
                self._text_ids.clear()
            self._text_ids[text] = found
        return found

    def text_of(self, ids: Sequence[int]) -> str:
        """The text of a generated reply, without the line that the format lets the model write before it."""
        text = self._decoded(ids)
        _, broken, space = self._lead.partition("\n")
        _, found, rest = text.partition("\n") if broken else ("", "", "")
        return rest.removeprefix(space) if found else text

    def text_so_far(self, ids: Sequence[int]) -> str:
        """The same for a reply that is still being drawn: nothing until that line has ended."""
        return "" if "\n" in self._lead and "\n" not in self._decoded(ids) else self.text_of(ids)

    def _decoded(self, ids: Sequence[int]) -> str:
        """Control tokens are dropped one by one, since `skip_special_tokens` would drop byte tokens with them where
        a tokenizer registers those as special (德邦快递 becomes 快递)."""
        plain = [index for index in ids if index not in self._control_ids]
        return str(self.tokenizer.decode(plain, skip_special_tokens=False, clean_up_tokenization_spaces=False))

    def _split_literals(self, text: str) -> Iterator[str]:
        """Cuts every written-out added token after its first character, so that no part holds a whole one."""
        start = 0
        for match in self._literals.finditer(text) if self._literals else ():
            yield text[start : match.start() + 1]
            start = match.start() + 1
        yield text[start:]

    def _render(self, messages: Sequence[Message], newest: int | None = None) -> list[int]:
        """Ids of the whole prompt; `newest` keeps only that many tokens of the last message."""
        pieces = self._pieces(tuple(message.role for message in messages))
        ids = list(pieces[0])
        for position, (message, piece) in enumerate(zip(messages, pieces[1:], strict=True)):
            content = self.text_ids(message.content)
            last = position == len(messages) - 1
            ids += content[-newest:] if newest is not None and last else content
            ids += piece
        return ids

    def _pieces(self, roles: tuple[Role, ...]) -> tuple[tuple[int, ...], ...]:
        """Ids of the template's own text before, between and after the contents (one more than there are roles)."""
        if roles not in self._pieces_of:
            texts = self._template_texts(roles, reply_follows=True)
            self._pieces_of[roles] = tuple(self._template_ids(text) for text in texts)
        return self._pieces_of[roles]

    def _template_ids(self, text: str) -> tuple[int, ...]:
        return tuple(self.tokenizer.encode(text, add_special_tokens=False, split_special_tokens=False))

    def _template_texts(self, roles: tuple[Role, ...], *, reply_follows: bool) -> list[str]:
        """The template's text around marks that stand for the contents."""
        marks = [f"\ue000{position}\ue001" for position in range(len(roles))]
        conversation = [{"role": role, "content": mark} for role, mark in zip(roles, marks, strict=True)]
        try:
            text = str(
                self.tokenizer.apply_chat_template(
                    conversation,
                    chat_template=self._template,
                    tokenize=False,
                    add_generation_prompt=reply_follows,
                    enable_thinking=False,
                    bos_token=self.tokenizer.bos_token or "",
                    eos_token=self.tokenizer.eos_token or "",
                )
            )
        except Exception as error:  # Jinja templates raise errors of their own making
            raise ModelError(f"The chat template cannot render the turns {roles!r}: {error}.") from error
        pieces = []
        for mark in marks:
            before, found, text = text.partition(mark)
            if not found:
                raise ModelError(f"The chat template leaves out a message of the turns {roles!r}; use another one.")
            # A tokenizer that puts a space before every text puts this one there by itself.
            pieces.append(before.removesuffix(" ") if self._spaced else before)
        return [*pieces, text]

    def _find_stop_ids(self) -> tuple[int, ...]:
        """The control token that the template puts after a reply, the tokenizer's end token, and the control token
        with which the template begins the customer's next turn: a model that writes it has ended its reply."""
        after = self._template_ids(self._template_texts(("user", "assistant"), reply_follows=False)[-1])
        found = [index for index in after[:1] if index in self._control_ids]
        if self.tokenizer.eos_token_id is not None:
            found.append(int(self.tokenizer.eos_token_id))
        if not found:
            raise ModelError("The tokenizer has no token that ends a reply; set its eos_token.")
        next_turn = self._template_ids(self._template_texts(("user", "assistant", "user"), reply_follows=True)[2])
        found += [index for index in next_turn[:1] if index in self._control_ids]
        return tuple(dict.fromkeys(found))

    def _find_lead(self) -> tuple[int, ...]:
        """Ids of what the template puts before a recorded reply and leaves out where the model is to begin one."""
        recorded = self._template_texts(("user", "assistant"), reply_follows=False)[1]
        asked = self._template_texts(("user",), reply_follows=True)[1]
        if not recorded.startswith(asked):
            return ()
        return self._template_ids(recorded)[len(self._template_ids(asked)) :]


def _without_oldest(messages: tuple[Message, ...]) -> tuple[Message, ...] | None:
    """The conversation without its oldest turn and the reply to it; None where only the newest turn is left."""
    system = 1 if messages and messages[0].role == "system" else 0
    if len(messages) - system < 2:
        return None
    start = system + 1
    while start < len(messages) - 1 and messages[start].role != "user":
        start += 1
    return messages[:system] + messages[start:]
