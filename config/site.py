"""The admin site: the marketer's workshop."""

from unfold.sites import UnfoldAdminSite


class DriplineSite(UnfoldAdminSite):
    site_header = site_title = "Dripline"
    index_title = "Start"
    enable_nav_sidebar = True
