"""The paper's experiment: what it asks and trains, and how its tables and figures are drawn from what came of it."""
