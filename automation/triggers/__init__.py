"""The kinds of triggers: what lets people into a campaign. docs/adding-a-trigger-kind.md lists them."""
