"""The verbs: typed functions that the command line and Python share, one file per kind of work."""
