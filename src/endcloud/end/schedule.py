"""How the learning rate goes over the steps of a training."""

from __future__ import annotations

import math

from endcloud.end.methods import TrainingPlan

_FINAL_RATE = 0.1
"""The share of the learning rate that the cosine ends with."""


def rate_at(step: int, plan: TrainingPlan) -> float:
    """The share of the learning rate at a step (from 0).

    `cosine`: a linear warm-up, then a cosine down to a tenth. `constant`: always 1, whatever the number of steps, so
    that step 3000 of a run of 15,000 is the end of a run of 3,000.
    """
    if plan.schedule == "constant":
        return 1.0
    warm = max(1, round(plan.steps * plan.warmup))
    if step < warm:
        return (step + 1) / warm
    share = (step - warm) / max(1, plan.steps - warm)
    return _FINAL_RATE + (1 - _FINAL_RATE) * 0.5 * (1 + math.cos(math.pi * share))
