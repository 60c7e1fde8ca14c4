"""The shared floor: records, settings, run folders, artifacts and reports."""
