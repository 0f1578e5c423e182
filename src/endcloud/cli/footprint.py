"""How much memory a base needs that is not on this machine yet: told from the shape that its authors published.

A model of several GB should be judged before it is downloaded. The shapes are those of each model's config.json; the
counts follow from them and agree with transformers' own (a test holds that).
"""

from __future__ import annotations

from dataclasses import dataclass

_GIB = 2**30
_INT4_BYTES = 0.5 + (1 + 4 / 256) / 64
"""NF4 with double quantisation: half a byte, a byte of scale for 64 weights, four bytes for 256 scales."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A decoder-only model: the widths that decide its size. `tied` shares embeddings and output head."""

    vocabulary: int
    hidden: int
    intermediate: int
    layers: int
    heads: int
    key_value_heads: int
    tied: bool
    head_size: int = 128

    @property
    def linear(self) -> int:
        """Weights in the linear modules of the layers: what quantisation makes smaller."""
        attention = 2 * self.hidden * self.head_size * (self.heads + self.key_value_heads)
        return self.layers * (attention + 3 * self.hidden * self.intermediate)

    @property
    def embeddings(self) -> int:
        """Weights of embeddings and output head: what stays as it is."""
        return self.vocabulary * self.hidden * (1 if self.tied else 2)

    @property
    def parameters(self) -> int:
        """All but norms and biases, which are a thousandth."""
        return self.linear + self.embeddings

    def weights(self, quantization: str = "none") -> float:
        """Bytes of the weights, everything else than quantised modules in 16 bits."""
        a_weight = {"none": 2.0, "int8": 1.0, "int4": _INT4_BYTES}[quantization]
        return self.linear * a_weight + 2 * self.embeddings


SHAPES: dict[str, Shape] = {
    "Qwen/Qwen3-0.6B": Shape(151_936, 1024, 3072, 28, 16, 8, tied=True),
    "Qwen/Qwen3-1.7B": Shape(151_936, 2048, 6144, 28, 16, 8, tied=True),
    "Qwen/Qwen3-4B": Shape(151_936, 2560, 9728, 36, 32, 8, tied=True),
    "zai-org/glm-4-9b-chat-hf": Shape(151_552, 4096, 13_696, 40, 32, 2, tied=False),
    "models/chatglm3-6b": Shape(65_024, 4096, 13_696, 28, 32, 2, tied=False),
}
"""By the name that a profile gives the base."""


def estimate(model: str, tokens: int, quantization: str) -> str:
    """A sentence on the memory of a base by name, and of a training step of `tokens`; empty for an unknown one."""
    from endcloud.end.memory import activations

    shape = SHAPES.get(model)
    if shape is None:
        return ""
    held = {name: shape.weights(name) / _GIB for name in ("none", "int8", "int4")}
    kept = activations(tokens, shape.hidden, shape.layers, shape.vocabulary) / _GIB
    return (
        f"{shape.parameters / 1e9:.2f} billion parameters: {held['none']:.1f} GiB in 16 bits (twice that in float32), "
        f"{held['int8']:.1f} in int8, {held['int4']:.1f} in int4; a training step of {tokens} tokens keeps about "
        f"{kept:.1f} GiB more, so {held[quantization] + kept:.1f} GiB with quantization = {quantization} "
        "(within a factor of 2)"
    )
