"""What people and programs read: Markdown, JUnit, one HTML page; from verdict and items only."""
