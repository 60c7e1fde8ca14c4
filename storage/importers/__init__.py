"""Importers: each module reads one format of the field and yields comparisons; docs/importers.md shows how to write one."""
