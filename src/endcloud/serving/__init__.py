"""Stage 5: end first, cloud when needed, a person when asked."""
