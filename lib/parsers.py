"""The REST framework's way through the one door for JSON."""

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from lib import clean_json


class CleanJSONParser(BaseParser):
    """Parses the body as JSON whatever the content type says, through clean_json."""

    media_type = "*/*"
    levels = clean_json.MAX_DEPTH

    def parse(self, stream, media_type=None, parser_context=None):
        raw = stream.read(1_000_001)
        try:
            return clean_json.parse(raw, levels=self.levels) if raw.strip() else {}
        except clean_json.Unclean as fault:
            raise ParseError(str(fault)) from fault


class DeepJSONParser(CleanJSONParser):
    """For bodies that hold conditions: a group of these is two levels of JSON."""

    levels = 100
