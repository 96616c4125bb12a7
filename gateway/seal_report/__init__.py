"""The seal report as a document that can be filed: what was judged, on what basis, and every check in plain words."""
