"""What watches a run: each reads a step's output and never reaches into a system."""
