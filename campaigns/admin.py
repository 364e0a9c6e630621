"""The admin pages of campaigns, each in a file of its own."""

from django.contrib import admin

from campaigns.cap_admin import FrequencyCapAdmin
from campaigns.caught_mail_admin import CaughtMailAdmin
from campaigns.message_admin import MessageAdmin
from campaigns.models import Campaign, CaughtMail, EmailTemplate, FrequencyCap, Message
from campaigns.sequence_admin import CampaignAdmin
from campaigns.template_admin import EmailTemplateAdmin

admin.site.register(Campaign, CampaignAdmin)
admin.site.register(EmailTemplate, EmailTemplateAdmin)
admin.site.register(Message, MessageAdmin)
admin.site.register(CaughtMail, CaughtMailAdmin)
admin.site.register(FrequencyCap, FrequencyCapAdmin)
