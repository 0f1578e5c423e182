"""What the service shows to the outside: an OpenAI-compatible API, customer chat, console and dashboard."""
