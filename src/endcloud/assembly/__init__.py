"""Puts the parts together: the one place that names concrete classes.

`shop` brings a shop's directory to life, `judging` evaluates its versions, `state` says what is there.
"""

from endcloud.assembly.shop import Shop
from endcloud.assembly.training import TrainingChoice

__all__ = ["Shop", "TrainingChoice"]
