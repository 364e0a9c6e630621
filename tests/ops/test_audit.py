import pytest
from django.contrib.admin.models import LogEntry

from contacts.models import Contact
from ops import audit
from ops.models import User


@pytest.mark.django_db
def test_what_is_noted_names_the_row_but_no_personal_value():
    ann, contact = User.objects.create_user("ann"), Contact.objects.create(attributes={"name": "Bob Private"})
    audit.note(ann, contact, "Changed the attribute plan.")
    entry = LogEntry.objects.get()
    assert (entry.user, entry.change_message) == (ann, "Changed the attribute plan.")
    assert "Private" not in entry.object_repr and str(contact.pk) in entry.object_repr
    assert entry.get_edited_object() == contact
