"""The forms of the kinds of steps and triggers, as the canvas shows them in its side panel."""
