"""Stage 4, the judge: Equation 1 over two scorers, evaluated with intervals and written down as tables and pictures."""
