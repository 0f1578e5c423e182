"""Both scorers trained on the shop's own dialogues: what the paper names as what RocketQA lacked."""
