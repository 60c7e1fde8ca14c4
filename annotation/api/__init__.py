"""The JSON API, version 1: all that the annotator's page does, for scripts too. docs/service-api.md explains it."""
