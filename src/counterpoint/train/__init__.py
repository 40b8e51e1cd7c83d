"""Training: recipe to run folder, resume, evaluation of a run, comparison and claims."""
