"""Frequency limits in the admin: how many marketing mails anybody gets at most."""

from unfold.admin import ModelAdmin
from unfold.decorators import display

from lib.durations import in_words

WRONG = {
    "most": "At most: write how many mails, a whole number of 1 or more.",
    "amount": "Within: write how many hours, days or weeks, a whole number of 1 or more.",
}


class FrequencyCapAdmin(ModelAdmin):
    fields = ["most", ("amount", "unit"), "topic"]
    list_display = ["limit", "about", "within"]
    list_display_links = ["limit"]
    list_select_related = ["topic"]
    actions = None
    counted_as = "limit", "limits"
    empty_icon = "speed"
    empty_title = "No limits yet"
    empty_sentence = (
        "A limit says how many marketing mails anybody gets at most, such as 3 in 7 days. Who has had as many waits "
        "for a place, a day at most; important campaigns go first. Receipts and the like neither count nor wait."
    )
    list_before_template = "campaigns/cap_list_intro.html"

    def formfield_for_dbfield(self, db_field, request, **kwargs):
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if sentence := WRONG.get(db_field.name):
            field.error_messages |= dict.fromkeys(("required", "invalid", "min_value", "max_value"), sentence)
        return field

    def changelist_view(self, request, extra_context=None):
        return super().changelist_view(request, {"title": "Frequency limits", **(extra_context or {})})

    @display(description="At most", ordering="most")
    def limit(self, cap):
        return "1 mail" if cap.most == 1 else f"{cap.most:,} mails"

    @display(description="About")
    def about(self, cap):
        return cap.topic or "everything"

    @display(description="Within")
    def within(self, cap):
        return in_words(cap.window)
