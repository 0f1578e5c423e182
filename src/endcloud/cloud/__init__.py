"""Stage 2, the teacher: a large model behind an OpenAI-compatible endpoint labels what customers ask."""
