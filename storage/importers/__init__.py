"""Importers: each module reads one format of the field; docs/importers.md shows how to write one."""
