"""What crosses stages: the demo, the loop, registration, lineage and recall."""
