"""Stage 1: recorded dialogues become clean, masked training examples. Start at `preparation`."""
