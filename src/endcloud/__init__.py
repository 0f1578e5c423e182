"""endcloud: a small model answers the shop's customers, a large one in the cloud teaches it.

Start with `endcloud.loop`, which tells the whole story in one function; `endcloud.types` holds the
values that flow through it, `endcloud.protocols` the seams where parts are exchanged, and
`endcloud.assembly` puts the real parts together. Importing this package loads nothing heavy.
"""

__version__ = "0.1.0"
