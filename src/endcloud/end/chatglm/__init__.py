"""ChatGLM3's official files become what today's transformers reads by itself, with no code that came with them."""
