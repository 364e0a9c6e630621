"""The step kinds: one class a file, registered in `automation.apps`."""
