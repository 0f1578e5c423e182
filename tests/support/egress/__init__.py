"""The egress proof's parts: a cloud whose every byte is recorded, the walk through the product, the search."""
