"""What the figures are held against: our bars, the limit found by hand-written code, the best of the peers."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Standard:
    """One measure: its place in the printed table, and what it is held against."""

    label: str
    digits: int = 0
    most: float | None = None
    least: float | None = None
    limit: str = ""
    peer: str = ""

    @property
    def bar(self) -> str:
        if self.most is not None:
            return f"≤ {self.most:g}" if self.most else "0"
        return f"≥ {self.least:g}" if self.least is not None else ""

    def met(self, value: float) -> bool:
        return (self.most is None or value <= self.most) and (self.least is None or value >= self.least)


RULES = [("attribute", "region is"), ("behaviour", "≥ 2 orders in 30 days"), ("never", "never bought")]
STANDARDS = {
    "I contacts_per_s": Standard("contacts by identify, a second", peer="93 (import)"),
    "I cpu_us_each": Standard("CPU µs a contact", peer="9,600 (import)"),
    "I1 contacts_per_s": Standard("contacts by file, with dry run and all consequences, a second", peer="585"),
    "I1 cpu_us_each": Standard("CPU µs a contact, from the upload to empty queues", most=150, limit="40", peer="1,440"),
    "I1 uploaded_s": Standard("s for the upload", 1),
    "I1 dry_run_s": Standard("s for the dry run", 1),
    "I1 not_imported": Standard("contacts that are missing", most=0),
    "E1 accepted_per_s": Standard("events accepted a second, 1 a request"),
    "E1 processed_per_s": Standard("… with all consequences"),
    "E1 cpu_us_each": Standard("CPU µs an event", peer="2,600"),
    "E1 p50_ms": Standard("p50 ms of a request", 1),
    "E1 p99_ms": Standard("p99 ms of a request", 1),
    "E1 not_stored": Standard("events not stored", most=0),
    "E2 accepted_per_s": Standard("events accepted a second, 100 a request", peer="2,523"),
    "E2 processed_per_s": Standard("… with all consequences", least=4000, limit="33,000", peer="449"),
    "E2 cpu_us_each": Standard("CPU µs an event, with all consequences", most=250, limit="58", peer="2,600"),
    "E2 p50_ms": Standard("p50 ms of a request", 1),
    "E2 p99_ms": Standard("p99 ms of a request", 1),
    "E2 not_stored": Standard("events not stored", most=0),
    "E3 stored_per_s": Standard("events stored a second, 500 a request, no worker", limit="45,000"),
    "E3 cpu_us_each": Standard("CPU µs an event", most=75, limit="43", peer="2,600"),
    "E3 copy_per_s": Standard("COPY on two connections in this run, rows a second"),
    "E3 percent_of_copy": Standard("stored, in percent of COPY", least=35, limit="60"),
    "E3 percent_of_copy_with_keys": Standard("stored, in percent of COPY of events and their keys"),
    "E3 catch_up_s_with_start": Standard("s until a fresh worker has worked them off", 1),
    "S1 ready_s": Standard("attribute segment, s from the request until it is ready", 2, peer="278"),
    "S1 cpu_us_each": Standard("CPU µs a contact of the site", 1),
    "S1 members": Standard("members"),
    "S1 wrong": Standard("contacts who are wrongly in or out", most=0),
    "S2 ready_s": Standard("behavioural segment, s from the request until it is ready", 2, peer="290"),
    "S2 cpu_us_each": Standard("CPU µs a contact of the site", 1),
    "S2 members": Standard("members"),
    "S2 wrong": Standard("contacts who are wrongly in or out", most=0),
    "J0 p50_ms": Standard("event → mail, p50 ms", most=300, peer="94"),
    "J0 p99_ms": Standard("event → mail, p99 ms", most=1000, peer="323"),
    "J1 mails_per_s": Standard("burst → first mail, a second", least=500, peer="57"),
    "J1 cpu_ms_each": Standard("CPU ms an entry with its mail", 2, most=3, peer="20"),
    "J1 p50_s": Standard("event → mail, p50 s", 1),
    "J1 p99_s": Standard("event → mail, p99 s", 1, peer="85"),
    "J1 late_p50_s": Standard("second mail after its minute, p50 s", 1),
    "J1 late_max_s": Standard("second mail after its minute, most s", 1, most=2, peer="88"),
    "J1 not_exactly_two": Standard("contacts without exactly one of each mail", most=0),
    "B1 entered_per_s": Standard("event → queued mail, a second"),
    "B1 entry_cpu_us_each": Standard("CPU µs an entry"),
    "B1 mails_per_s": Standard("mails a second", least=1000, limit="4,402", peer="413"),
    "B1 cpu_ms_each": Standard("CPU ms a mail, with outcome rows and events", 2, most=1, limit="0.22", peer="8.1"),
    "B1 twice": Standard("mails sent twice", most=0),
    "B1 worker_growth_kib_a_mail": Standard("worker's growth, KiB a mail", 2, peer="45"),
    "K1 lost": Standard("mails lost", most=0, peer="0"),
    "K1 twice": Standard("mails sent twice", most=0, peer="7"),
    "K1 sent_but_not_in_sink": Standard("“sent” that the server never saw", most=0),
    "K1 shown_as_unknown": Standard("shown as unknown, at most one a connection", most=8),
    "K1 gap_s": Standard("s from the kill to the next mail", 1),
    "K1 all_sent_after_s": Standard("s from the kill to the last mail", 1),
    "D1 stored_twice": Standard("one message id, stored twice", most=0, peer="1"),
    "D2 not_exactly_one": Standard("trigger twice in a request: not exactly one mail", most=0, peer="2 of 500"),
    "D3 mails": Standard("trigger again later: mails", most=0, peer="0"),
    "V load_s": Standard("s to write contacts and events by SQL", 1),
    **{
        f"V {name}_{key}": standard
        for name, what in {
            "attribute": "region is",
            "behaviour": "≥ 2 orders in 30 days",
            "never": "never bought",
        }.items()
        for key, standard in {
            "members": Standard(f"{what}: members"),
            "bare_s": Standard("… bare rule by hand, stale statistics, s", 3),
            "fill_s": Standard("… new segment until ready, stale, s", 3),
            "fill_s_per_100000": Standard("… s per 100,000 members", 2, most=2, limit="0.8"),
            "stale_refresh_s": Standard("… refresh that changes nothing, stale, s", 3),
            "stale_us_a_member_over": Standard("… over the bare rule, µs a member, stale", 2, most=1),
            "fresh_bare_s": Standard("… bare rule, fresh statistics, s", 3),
            "refresh_s": Standard("… refresh that changes nothing, s", 3),
            "us_a_member_over": Standard("… over the bare rule, µs a member", 2, most=1),
        }.items()
    },
    "V full_refresh_of_20_s": Standard("20 segments: refreshes of all, s", 2),
    "V touched_us_each": Standard("1,000 contacts touched, µs per contact and segment", 1, most=10, limit="6"),
    "V touched_percent_of_full": Standard("0.1 % touched, in percent of the refreshes", 1, most=5),
    **{
        f"R {name}_{key}": standard
        for name, what in [
            ("one", "ten rules, one on such events"),
            ("three", "ten rules, three on such events"),
            ("ten", "ten rules, all on such events"),
        ]
        for key, standard in {
            "processed_per_s": Standard(f"{what}: events a second, with all consequences", least=4000),
            "cpu_us_each": Standard("… CPU µs an event, with all consequences", most=250),
            "p99_ms": Standard("… p99 ms of a request", 1),
            "not_stored": Standard("… events not stored", most=0),
            "contributions": Standard("… contributions that count"),
        }.items()
    },
    "R site_turned_on_s": Standard("a large site: model turned on, s until everybody is scored", 1),
    "R site_scores": Standard("… contacts with a score"),
    **{
        f"R site_{key}_{measure}": Standard(f"… {what}: {label}", 2)
        for key, what in [("points", "other points"), ("filter", "another filter"), ("rule", "a new rule")]
        for measure, label in [("preview_s", "preview, s"), ("edit_s", "s until everybody's score follows it")]
    },
    "R site_settle_us_each": Standard("… settling, µs a contact", 1),
    "R site_looked_at": Standard("… contacts who may cross a threshold by fading"),
    "R site_look_us_each": Standard("… looking at them, µs each", 1),
    "M together_mib": Standard("most memory, all processes and the database, MiB", peer="1,657"),
    "M largest_process_mib": Standard("largest process, MiB"),
}
