"""Finding contacts by the beginning of what a person types."""

from django.db.models import QuerySet
from django.db.models.functions import Lower

from contacts.models import Contact, Identity


def beginning_with(text: str) -> QuerySet[Contact]:
    """Current contacts whose name, e-mail or id begins with the text.

    Three index scans united by id: an OR over joins would read the whole table.
    """
    lower = text.lower()
    by_name = Contact.objects.annotate(lowered=Lower("name")).filter(lowered__startswith=lower).values("pk")
    by_email = Contact.objects.filter(address__email__startswith=lower).values("pk")
    by_identity = Identity.objects.filter(value__startswith=text).values("contact")
    return Contact.objects.current().filter(pk__in=by_name.union(by_email, by_identity))
