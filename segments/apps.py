from django.apps import AppConfig


class SegmentsConfig(AppConfig):
    name = "segments"
    verbose_name = "Segments"

    def ready(self):
        from segments.field_leaf import FieldLeaf
        from segments.leaves import LEAVES

        LEAVES.register(FieldLeaf.key, FieldLeaf())
