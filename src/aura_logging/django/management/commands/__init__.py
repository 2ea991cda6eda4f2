"""The commands, one a module, found by Django under their modules' names."""
