"""What an operator can set about personal data: the `[privacy]` section of endcloud.toml.

A file of its own because it is read by other people than the rest: whoever answers for the customers' data.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Upload = Literal["masked", "strict", "never"]


class PrivacySettings(BaseModel):
    """What may leave this machine, and what counts as personal."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    upload: Upload = Field(
        "masked",
        description="What a cloud is sent. `masked`: text with personal data masked. `strict`: every run of five or more digits and every address-like span masked too, prices included; the cloud understands less. `never`: nothing; the end model and people do all, and learn from recorded replies and corrections.",
    )
    allowed: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        (),
        description='Values that are never masked, such as the shop\'s own hotline or depot, each written whole: ["400-810-0000"]. (Numbers in policies.md are allowed already.) `strict` masks them all the same.',
    )
    patterns: dict[str, str] = Field(
        default_factory=dict,
        description="The shop's own kinds of personal data: a name for the placeholder, and a regular expression (RE2; every repetition with an end; of a pattern with a group only the group is masked). Try them with `endcloud privacy test FILE`, and prepare the corpus and train again after a change.",
        examples=[{"会员": "会员号[:是]?([0-9]{6,10})"}],
    )
