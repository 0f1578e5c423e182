"""The embedded default: a small shop, its dialogues and truth, a stand-in cloud and a nano end model."""
