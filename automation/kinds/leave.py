"""Exit: they leave the campaign here."""

from campaigns.step_kinds import Exit, StepKind


class LeaveKind(StepKind):
    key, label, icon = "leave", "Leave the campaign", "logout"

    def describe(self, config):
        return "leave the campaign"

    def run(self, visits, now):
        return [Exit("Left by a step of the campaign.", "step") for _ in visits]
