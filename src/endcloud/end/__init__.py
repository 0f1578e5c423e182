"""Stage 3, the student: a small model that loads, learns and answers on the shop's own machine."""
