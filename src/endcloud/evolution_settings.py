"""What an operator can set about online evolution: the `[evolution]` section of endcloud.toml."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class EvolutionSettings(BaseModel):
    """The end model gets better while it serves: `endcloud evolve`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    audit_share: float = Field(
        0.02,
        ge=0,
        le=1,
        description="Share of end replies that are compared with the cloud's, beside all that a customer disliked. More finds faults sooner and costs calls.",
    )
    audit_budget: float = Field(
        1.0, ge=0, description="Money for audits in a day, in the currency of the prices; part of cloud.budget."
    )
    audits: int = Field(200, ge=1, description="Most replies audited in one round.")
    lessons: int = Field(120, ge=1, description="Most replies learned from in one round.")
    fewest_lessons: int = Field(
        8, ge=1, description="A round trains only once so many lessons wait; fewer stay for the next round."
    )
    a_customer: int = Field(3, ge=1, description="Most lessons of one customer in a round: nobody can fill it alone.")
    a_cluster: int = Field(8, ge=1, description="Most lessons of one question, however often it was asked.")
    an_hour: int = Field(60, ge=1, description="Most lessons from one hour, so that a burst cannot fill a round.")
    approval: Literal["none", "sampled", "all"] = Field(
        "none",
        description="Whether a reviewer looks at the cloud's labels before they are learned: never, at one in five, always.",
    )
    rewritten: int = Field(
        60,
        ge=0,
        description="Old answers learned again for each edited rule with the new value in the place of the old, where an edit only changed a number or a name; asks nobody. 0: none.",
    )
    asked_again: int = Field(
        4,
        ge=0,
        description="Questions asked of the cloud again for each edited rule: doubtful ones first, then what the old rule answered and cannot be rewritten, so that the new one is learned before customers meet the old. 0 asks none: a reviewer looks at what is doubtful.",
    )
    held_out_share: float = Field(
        0.3, gt=0, lt=1, description="Share of question clusters that judge a candidate and are never trained on."
    )
    replay: float = Field(
        6.0,
        ge=0,
        description="Old examples learned again each time a lesson is, so that nothing is forgotten. 0 forgets; more takes longer.",
    )
    from_base: int = Field(
        5, ge=0, description="Every so many promotions training starts from the base again, to stop drift; 0: never."
    )
    objective: Literal["sft", "dpo"] = Field(
        "sft",
        description="`sft` learns the right replies; `dpo` also learns to prefer them to the poor ones (docs/evolution.md says when it helps).",
    )
    steps: int | None = Field(
        None,
        ge=1,
        description="Optimiser steps of a round that goes on from a version; leave it out to follow the number of lessons.",
    )
    learning_rate: float | None = Field(
        None,
        gt=0,
        description="Peak rate of a round; leave it out for a sixteenth of the preset's (all of it from the base).",
    )
    margin: float = Field(
        0.03,
        ge=0,
        le=1,
        description="By how much a candidate may be worse on old questions before the gate refuses it.",
    )
    golden: int = Field(150, ge=1, description="Questions with known answers that judge every candidate.")
    probe: int = Field(150, ge=1, description="Questions on trained matters that show whether something was forgotten.")
    canary_share: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Share of conversations that meet a candidate first; 0 promotes at once after the gate.",
    )
    canary_replies: int = Field(50, ge=1, description="Replies of the candidate after which a canary is decided.")
    threads: int = Field(1, ge=1, le=256, description="Processor threads that training may use beside the service.")
    nice: int = Field(
        19,
        ge=0,
        le=19,
        description="How far training stands back: 0 as the service, 19 only where a processor is idle.",
    )
    every_minutes: float = Field(
        30.0, gt=0, description="How often `endcloud evolve --watch` looks for something to learn."
    )
    fresh_replies: int = Field(20, ge=1, description="`--watch` begins a round only after so many new replies.")
