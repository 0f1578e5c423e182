"""Which replies the end model learns: the recorded ones, the cloud's, or both in a stated ratio.

The paper fine-tunes on the cloud's replies; recorded ones keep the shop's own voice. An example whose recorded
reply may not be trained on (`excluded`) can still be learned from the cloud's answer to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from endcloud.errors import TrainingError
from endcloud.protocols import Label
from endcloud.types import Example

Data = Literal["natural", "cloud", "both"]


def mixture(
    examples: Sequence[Example], labels: Mapping[str, Label], data: Data, cloud_share: float = 0.8
) -> list[Example]:
    """The examples to learn from, by `data`; `labels` are the cloud's, by example id.

    With `both`, weights are scaled so that the cloud's replies have `cloud_share` of the total weight, wherever
    both kinds exist. Raises TrainingError where nothing is left to learn from.
    """
    natural = [example for example in examples if not example.excluded] if data != "cloud" else []
    cloud = [taught for example in examples if (taught := _taught(example, labels))] if data != "natural" else []
    if not natural and not cloud:
        missing = "label them with `endcloud teach`" if data == "cloud" else "prepare dialogues with `endcloud corpus`"
        raise TrainingError(f"There is nothing to learn from: 0 of {len(examples)} examples fit {data!r}; {missing}.")
    if data != "both" or not natural or not cloud:
        return [*natural, *cloud]
    total = _weight(natural) + _weight(cloud)
    return [
        *_scaled(natural, (1 - cloud_share) * total / _weight(natural)),
        *_scaled(cloud, cloud_share * total / _weight(cloud)),
    ]


def _taught(example: Example, labels: Mapping[str, Label]) -> Example | None:
    """The example with the cloud's reply in the place of the recorded one."""
    label = labels.get(example.id)
    if label is None or label.reason:
        return None
    return replace(
        example, id=f"{example.id}/cloud", reply=label.text, origin="cloud", source=label.model, weight=1.0, excluded=""
    )


def _scaled(examples: Sequence[Example], factor: float) -> list[Example]:
    return [replace(example, weight=example.weight * factor) for example in examples if factor > 0]


def _weight(examples: Sequence[Example]) -> float:
    return max(sum(example.weight for example in examples), 1e-9)
