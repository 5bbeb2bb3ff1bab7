"""The decision about one ReflexBakeoff: its Job, its artefacts and its evidence."""
