"""The learner, the recipe, the claim, and the parts that systems hold."""
