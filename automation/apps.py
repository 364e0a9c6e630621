from django.apps import AppConfig


class AutomationConfig(AppConfig):
    name = "automation"
    verbose_name = "Automation"

    def ready(self):
        from automation import (
            admitting,
            advancing,
            engine,
            enrollment_fields,
            fuse_releasing,
            fuses,
            gates,
            meanwhile,
            pace,
            panels,
            parked,
            republishing,
            requesting,
            retiming,
            returning,
            running,
            staying,
            timing,
            uniting,
        )
        from automation.kinds.attribute import AttributeKind
        from automation.kinds.branch import BranchKind
        from automation.kinds.digest import DigestKind
        from automation.kinds.email import EmailKind
        from automation.kinds.end import EndKind
        from automation.kinds.gate import GateKind
        from automation.kinds.leave import LeaveKind
        from automation.kinds.list import ListKind
        from automation.kinds.notify import NotifyKind
        from automation.kinds.score import ScoreKind
        from automation.kinds.split import SplitKind
        from automation.kinds.start import StartKind
        from automation.kinds.tag import TagKind
        from automation.kinds.wait import WaitKind
        from automation.kinds.wait_for import WaitForKind
        from automation.kinds.webhook import WebhookKind
        from automation.triggers.kinds import KINDS
        from automation.webhooks import calling, claiming, forgetting
        from campaigns import doors
        from campaigns.step_kinds import STEP_KINDS
        from campaigns.trigger_kinds import TRIGGER_KINDS
        from contacts.merging import merge_steps
        from ops import jobs, work

        for kind in (
            EmailKind(),
            DigestKind(),
            WaitKind(),
            WaitForKind(),
            BranchKind(),
            SplitKind(),
            GateKind(),
            TagKind(),
            AttributeKind(),
            ListKind(),
            NotifyKind(),
            ScoreKind(),
            StartKind(),
            EndKind(),
            LeaveKind(),
            WebhookKind(),
        ):
            STEP_KINDS.register(kind.key, kind)
        for trigger in KINDS:
            TRIGGER_KINDS.register(trigger.key, trigger)
        enrollment_fields.register()
        admitting.AT_THE_DOOR.register("reasons to leave", staying.at_the_door)
        admitting.AT_THE_DOOR.register("what happened meanwhile", meanwhile.at_the_door)
        doors.standing.register("enrollments", engine.standing)
        doors.timed_anew.register("enrollments", retiming.shown)
        doors.on_published.register("follow", republishing.follow)
        doors.on_published.register("gates", gates.follow)
        doors.on_resumed.register("overdue", returning.go_on)
        doors.on_missed.register("let in", returning.let_in)
        doors.overdue.register("enrollments", returning.overdue)
        doors.on_archived.register("exit", engine.exit_everyone)
        doors.on_settled.register("wake", engine.wake)
        doors.on_settled.register("fuses", fuses.settled)
        doors.on_expected.register("fuses", fuses.expect)
        doors.fuses.register("fuses", fuse_releasing.blown)
        doors.withdrawn.register("visits", engine.withdrawn)
        doors.clocks.register("test runs", pace.of_messages)
        merge_steps.register("enrollments", uniting.unite)
        work.register(work.Queue("enrollments", "Enrollments", advancing.is_due, returning.advance))
        work.register(work.Queue("webhooks", "Webhooks", claiming.is_due, calling.call_due))
        work.SWEEPS.register("webhook texts", forgetting.forget_old)
        work.SWEEPS.register("webhook secrets", forgetting.forget_secrets)
        work.register(work.Queue("entries", "Entries asked for", requesting.is_due, requesting.work))
        work.register(work.Queue("gates", "Gates of campaigns", gates.is_due, gates.admit))
        timing.register()
        work.SWEEPS.register("mails of each day", fuses.compact)
        work.SWEEPS.register("refusals", engine.forget_refusals)
        work.SWEEPS.register("test runs", running.tidy)
        work.SWEEPS.register("engine alive", returning.notice)
        jobs.register(parked.KIND, parked.TITLE, parked.work)
        jobs.register(returning.MISSED, "Let in who came during a pause", returning.enter_missed)
        panels.register()
