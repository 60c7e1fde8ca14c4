"""Direct preference optimisation on whole rankings."""
