from django.apps import AppConfig


class SegmentsConfig(AppConfig):
    name = "segments"
    verbose_name = "Segments"

    def ready(self):
        from contacts.importing import DESTINATIONS
        from contacts.merging import merge_steps
        from ops import jobs, work
        from segments import catalogue, defining, flow, importing, moving, panels, refreshing, sweeping, uniting
        from segments.event_leaf import EventLeaf
        from segments.field_leaf import FieldLeaf
        from segments.leaves import LEAVES
        from segments.message_leaf import MessageLeaf
        from segments.sequence_leaf import SequenceLeaf

        for kind in (FieldLeaf(), EventLeaf(), SequenceLeaf(), MessageLeaf()):
            LEAVES.register(kind.key, kind)
        catalogue.register()
        defining.USES.register("segments", defining.other_segments)
        merge_steps.register("segments", uniting.unite)
        jobs.register(refreshing.KIND, "Work out who is in a segment", refreshing.step)
        panels.register()
        jobs.register(moving.KIND, "Move everybody from a list", moving.step)
        work.register(work.Queue("segments", "Segments that time changes", sweeping.is_due, sweeping.sweep))
        work.SWEEPS.register("segment flow", flow.compact)
        DESTINATIONS.register("segment", importing.destination)
        self._about_contacts()

    def _about_contacts(self):
        """What hangs on contacts beside their attributes and events."""
        from contacts import consent
        from contacts.merging import merge_steps
        from ops import jobs, work
        from segments import (
            checks,
            company_fields,
            computed_field,
            computed_panel,
            computed_writing,
            known,
            refreshing,
            tag_field,
        )  # fmt: skip
        from segments.consent_leaf import ConsentLeaf
        from segments.leaves import LEAVES
        from segments.sample_leaf import SampleLeaf
        from segments.segment_leaf import SegmentLeaf

        for kind in (SegmentLeaf(), ConsentLeaf(), SampleLeaf()):
            LEAVES.register(kind.key, kind)
        checks.register_ours()
        tag_field.register()
        company_fields.register()
        consent.BASIS_CHANGED.register("segments", refreshing.follow_basis)
        computed_field.register()
        computed_panel.register()
        merge_steps.register("computed attributes", computed_writing.unite)
        jobs.register(computed_writing.KIND, "Work out a computed attribute from the past", computed_writing.step)
        work.SWEEPS.register("known fields", known.look)
