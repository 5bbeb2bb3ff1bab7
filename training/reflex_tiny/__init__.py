"""The bundled tiny models: their data, their training, their evaluation. See docs/models.md."""
