"""`make benchmark`: a project's image beside the framework's own and beside the floor."""
