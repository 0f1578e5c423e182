"""A generated evaluation set for privacy: personal items in messages, in every disguise, and messages with none.

Written from a list of types alone, without a look at the detector that it judges. It has two halves with templates
and values of their own: at what is missed in `tried` the detector's author may look; of `unseen` only figures are told.
"""
