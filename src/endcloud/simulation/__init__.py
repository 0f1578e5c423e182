"""The drifting shop: customers, an owner who edits, a new product line and attackers, against the real service."""
