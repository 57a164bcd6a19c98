"""The sources of articles that come with Deskhand. Modules with a leading underscore are what they share, not plugins."""
