"""A study of memorisation: secrets are planted in training text, and then somebody who holds the adapter's files tries
to draw them out."""
