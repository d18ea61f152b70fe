"""Tools: what a model is told of functions, and how they are run."""
