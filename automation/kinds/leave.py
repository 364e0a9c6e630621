"""Exit: they leave the campaign here."""

from campaigns.step_kinds import Exit, StepKind


class LeaveKind(StepKind):
    key, label, icon, group, ends = "leave", "Leave the campaign", "logout", "Flow", True
    help = "Ends it here for everybody who gets here; with “only if”, for some."

    def describe(self, config):
        return "leave the campaign"

    def run(self, visits, now):
        return [Exit("Left by a step of the campaign.", "step") for _ in visits]
