"""The labeling service: people rank completions here, and leads read how far they agree."""
