"""Who fetches pixels and follows links besides people: names in user agents, and what is known of them.

A name alone proves little either way: scanners that matter call themselves Chrome. What they do
(campaigns.tracking looks at time and pace) tells more. Checked 2026-11.
"""

import re

# Programs that say who they are. Sources: each project's or vendor's own documentation of its user agent, and the
# IAB/ABC International Spiders and Bots List for the general words.
_PROGRAMS = (
    # Security gateways that open mails and follow links before the reader sees them
    "barracuda|mimecast|proofpoint|symantec|messagelabs|ironport|forcepoint|websense|fireeye|trellix|trend ?micro"
    "|sophos|bitdefender|zscaler|fortiguard|fortinet|mcafee|kaspersky|vade ?secure|cloudmark|checkpoint|urldefense"
    # Previews in chats and social networks: https://api.slack.com/robots,
    # https://developers.facebook.com/docs/sharing/webmasters/crawler
    "|slackbot|slack-imgproxy|facebookexternalhit|facebot|twitterbot|linkedinbot|discordbot|telegrambot|whatsapp/"
    "|skypeuripreview|bingpreview|google-safety|google-pagerenderer|embedly|iframely"
    # Browsers without a person, and libraries
    "|headlesschrome|phantomjs|puppeteer|playwright|selenium|python-|python/|aiohttp|curl/|wget/|go-http-client"
    "|java/|libwww-perl|apache-httpclient|node-fetch|axios/|undici|guzzlehttp|winhttp|powershell"
    # What crawlers call themselves: https://www.iab.com/guidelines/iab-abc-international-spiders-bots-list/
    "|(?<!cu)bot\\b|crawler|spider|slurp|scanner|link ?check|uptime"  # Cubot makes telephones
)
PROGRAM = re.compile(_PROGRAMS, re.IGNORECASE)

# Apple's Mail Privacy Protection fetches every picture whether the mail is read or not, and says no more than
# this: https://wordtothewise.com/2021/09/apple-mpp/
PRIVACY_PROXY = re.compile(r"Mozilla/5\.0\s*")

# Gmail's and Yahoo's proxies fetch a picture when the mail is shown, at times also just after delivery:
# https://wordtothewise.com/2013/12/gmail-deploys-image-proxy-servers/
IMAGE_PROXY = re.compile(r"GoogleImageProxy|ggpht\.com|YahooMailProxy|YahooCacheSystem", re.IGNORECASE)
