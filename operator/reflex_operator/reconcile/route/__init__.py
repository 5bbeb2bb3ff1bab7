"""The decision about one ReflexRoute: who serves, who is measured, and each step of a swap."""
