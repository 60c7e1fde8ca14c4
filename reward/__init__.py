"""The reward model: learned from whole rankings, with ties."""
