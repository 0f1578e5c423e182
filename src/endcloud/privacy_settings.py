"""What an operator can set about personal data: the `[privacy]` section of endcloud.toml.

A file of its own because it is read by other people than the rest: whoever answers for the customers' data.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Upload = Literal["masked", "strict", "never"]


Days = Annotated[int, Field(ge=0)]


class RetentionSettings(BaseModel):
    """How many days personal data are kept on this machine; 0 keeps them for good."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    turns: Days = Field(0, description="Conversations in which nothing was said for so long go as a whole.")
    memories: Days = Field(0, description="What customers said of themselves, and what the shop's system told of them.")
    feedback: Days = Field(0, description="Thumbs, stars, corrections and notes.")
    payloads: Days = Field(0, description="The texts that left; the ledger's record that they left stays.")


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
    retention: RetentionSettings = Field(
        default_factory=RetentionSettings,
        description="Days that personal data are kept here: conversations (after their last word), what is known of customers, feedback, and the texts that left. 0, or a line left out, keeps them for good. The service and `endcloud evolve --watch` look every hour, `endcloud customers retain` looks once. What is lost in rounds to come: they learn from conversations and feedback of the last week.",
        examples=[{"turns": 365, "memories": 730, "feedback": 365, "payloads": 180}],
    )
