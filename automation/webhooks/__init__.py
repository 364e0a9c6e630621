"""Calls to the outside that a step of a campaign makes: written as rows, made by a queue of their own."""
