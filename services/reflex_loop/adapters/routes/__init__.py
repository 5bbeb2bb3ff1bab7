"""The ReflexRoutes behind local models: what they say is read here, and reflex-loop's word sent."""
