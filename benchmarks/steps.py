"""The steps of the protocol, in order. Each leaves the queues empty and notes its measures."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchmarks import limits, load, scores, segments
from benchmarks.bringing import bulk_import
from benchmarks.load import percentile
from benchmarks.meter import Watch
from benchmarks.sink import Sink
from benchmarks.site import Site, wait_until


@dataclass(frozen=True)
class Size:
    """How much of everything; `steps` in their order."""

    contacts: int = 10_000
    singles: int = 2_000
    batched: int = 20_000
    trickle: int = 40
    burst: int = 5_000
    blast: int = 10_000
    kill_at: int = 3_000
    repeated: int = 500
    again: int = 200
    wait_minutes: float = 1
    runs: int = 1
    volume_contacts: int = 100_000
    volume_events: int = 1_000_000
    shared_buffers: str = "1GB"
    steps: tuple[str, ...] = (
        "I", "I1", "E1", "E2", "E3", "S1", "S2", "J0", "J1", "B1", "K1", "D1", "D2", "D3", "V", "R", "M",
    )  # fmt: skip


QUICK = Size()
FULL = Size(contacts=100_000, runs=3, volume_contacts=1_000_000, volume_events=10_000_000)
# Without K1: a killed worker's leases take a minute to run out.
TINY = Size(
    contacts=60, singles=8, batched=100, trickle=3, burst=20, blast=50, repeated=20, again=10, wait_minutes=0.05,
    volume_contacts=300, volume_events=3000, shared_buffers="128MB",
    steps=("I", "I1", "E1", "E2", "E3", "S1", "S2", "J0", "J1", "B1", "D1", "D2", "D3", "V", "R", "M"),
)  # fmt: skip


@dataclass
class Bench:
    """One run of the steps against one site."""

    site: Site
    sink: Sink
    key: str
    size: Size
    watch: Watch
    figures: dict[str, float] = field(default_factory=dict)

    def run(self, say: Callable[[str], None]) -> dict[str, float]:
        for name in self.size.steps:
            begun = time.monotonic()
            self.sink.forget()
            STEPS[name](self)
            self.site.await_idle()
            say(f"{name:3} took {time.monotonic() - begun:5.1f} s")
        return self.figures

    def note(self, **figures: float) -> None:
        self.figures |= {name.replace("_", " ", 1): value for name, value in figures.items()}

    def post(self, bodies: Sequence[bytes]) -> list[float]:
        return load.post_all(self.site.runner.port, self.key, bodies)

    def await_mails(self, count: int, seconds: float = 180) -> None:
        wait_until(lambda: self.sink.read() >= count, seconds, f"{count} mails, of which {self.sink.read()} came")


def identify(bench: Bench) -> None:
    """I: contacts, by `identify`, in hundreds."""
    cpu, begun = bench.site.cpu(), time.monotonic()
    bench.post(load.batches(map(load.person, range(bench.size.contacts)), 100))
    bench.site.await_idle(900)
    bench.note(
        I_contacts_per_s=bench.size.contacts / (time.monotonic() - begun),
        I_cpu_us_each=(bench.site.cpu() - cpu) / bench.size.contacts * 1e6,
    )


def post_events(bench: Bench, name: str, first: int, count: int, size: int) -> None:
    """Purchases from that number on; how fast they are taken and worked off, and at what cost."""
    contacts = bench.size.contacts
    items = [load.purchase(n) | {"userId": f"u{n * 5 % contacts}"} for n in range(first, first + count)]
    bodies = load.batches(items, size)
    before = _stored(bench)
    cpu, begun = bench.site.cpu(), time.monotonic()
    took = bench.post(bodies)
    accepted = time.monotonic() - begun
    bench.site.await_idle()
    bench.note(
        **{
            f"{name}_accepted_per_s": count / accepted,
            f"{name}_processed_per_s": count / (time.monotonic() - begun),
            f"{name}_cpu_us_each": (bench.site.cpu() - cpu) / count * 1e6,
            f"{name}_p50_ms": percentile(took, 0.5) * 1e3,
            f"{name}_p99_ms": percentile(took, 0.99) * 1e3,
            f"{name}_not_stored": count - (_stored(bench) - before),
        }
    )


def _stored(bench: Bench) -> int:
    return bench.site.ask("SELECT count(*) FROM events_event WHERE type = 'order.completed'")


def singles(bench: Bench) -> None:
    """E1: one event a request."""
    post_events(bench, "E1", 0, bench.size.singles, 1)


def hundreds(bench: Bench) -> None:
    """E2: a hundred events a request."""
    post_events(bench, "E2", bench.size.singles, bench.size.batched, 100)


def stored_then_worked_off(bench: Bench) -> None:
    """E3: 500 events a request with the worker stopped, so that storing is measured alone; then the rest."""
    count, first = bench.size.batched, bench.size.singles + bench.size.batched
    contacts = bench.size.contacts
    items = [load.purchase(n) | {"userId": f"u{n * 5 % contacts}"} for n in range(first, first + count)]
    bodies = load.batches(items, 500)
    bench.site.kill_worker()
    cpu, begun = bench.site.cpu(), time.monotonic()
    bench.post(bodies)
    rate, stored = count / (time.monotonic() - begun), bench.site.cpu() - cpu
    copied = limits.copy_events(bench.site.server.url, count)
    with_keys = limits.copy_events(bench.site.server.url, count, with_keys=True)
    bench.site.start_worker()
    began = time.monotonic()
    bench.site.await_idle()
    bench.note(
        E3_stored_per_s=rate,
        E3_cpu_us_each=stored / count * 1e6,
        E3_copy_per_s=copied,
        E3_percent_of_copy=100 * rate / copied,
        E3_percent_of_copy_with_keys=100 * rate / with_keys,
        E3_catch_up_s_with_start=time.monotonic() - began,
    )


def trickle(bench: Bench) -> None:
    """J0: single events at two a second, from the request to the mail server."""
    client = load.Client(bench.site.runner.port, bench.key)
    posted = {}
    for n in range(bench.size.trickle):
        posted[n] = time.time()
        client.post(load.batches([load.event(load.SINGLE, n)], 1)[0])
        time.sleep(max(0.0, posted[n] + 0.5 - time.time()))
    bench.await_mails(bench.size.trickle)
    delays = [bench.sink.got[load.address(n)][0] - at for n, at in posted.items()]
    bench.note(
        J0_p50_ms=percentile(delays, 0.5) * 1e3,
        J0_p99_ms=percentile(delays, 0.99) * 1e3,
    )


def burst(bench: Bench) -> None:
    """J1: contacts enter in 50 requests; a mail at once, the second a minute later."""
    size, count = bench.size, bench.size.burst
    people = range(count)
    bodies = load.batches((load.event(load.JOURNEY, n) for n in people), max(1, count // 50))
    cpu, begun = bench.site.cpu(), time.time()
    bench.post(bodies)
    bench.await_mails(count)
    bench.site.await_idle()
    spent = bench.site.cpu() - cpu
    firsts = [bench.sink.got[load.address(n)][0] for n in people if bench.sink.got[load.address(n)]]
    bench.await_mails(2 * count)
    time.sleep(0.5)  # for a third mail, which must not come
    bench.sink.read()
    got = [bench.sink.got[load.address(n)] for n in people]
    late = [times[1] - times[0] - 60 * size.wait_minutes for times in got if len(times) > 1]
    bench.note(
        J1_mails_per_s=count / (max(firsts) - begun),
        J1_cpu_ms_each=spent / count * 1e3,
        J1_p50_s=percentile(firsts, 0.5) - begun,
        J1_p99_s=percentile(firsts, 0.99) - begun,
        J1_late_p50_s=percentile(late, 0.5),
        J1_late_max_s=max(late),
        J1_not_exactly_two=sum(len(times) != 2 for times in got),
    )


def _queue(bench: Bench, event: str) -> None:
    """Everybody enters a campaign of one mail while all mail is held; then every mail is due."""
    people = range(bench.size.blast)
    bench.site.hold_mail(True)
    bench.post(load.batches((load.event(event, n) for n in people), 200))
    query = "SELECT count(*) FROM campaigns_message WHERE state = 'queued'"
    wait_until(lambda: bench.site.ask(query) >= len(people), 120, "the mails to be queued")


def blast(bench: Bench) -> None:
    """B1: mails that are queued already: sending alone, then with outcome rows and events."""
    count = bench.size.blast
    cpu, begun = bench.site.cpu(), time.monotonic()
    _queue(bench, load.BLAST)
    queued_cpu, queued = bench.site.cpu() - cpu, time.monotonic() - begun
    memory = bench.site.worker_memory()
    cpu = bench.site.cpu()
    bench.site.hold_mail(False)
    bench.await_mails(count)
    bench.site.await_idle()
    times = bench.sink.times
    bench.note(
        B1_entered_per_s=count / queued,
        B1_entry_cpu_us_each=queued_cpu / count * 1e6,
        B1_mails_per_s=count / (times[-1] - times[0]),
        B1_cpu_ms_each=(bench.site.cpu() - cpu) / count * 1e3,
        B1_twice=sum(len(some) - 1 for some in bench.sink.got.values()),
        B1_worker_growth_kib_a_mail=max(0.0, bench.site.worker_memory() - memory) * 1024 / count,
    )


def killed(bench: Bench) -> None:
    """K1: `kill -9` of the worker amid the mails, another one 5 s later: the database against the sink."""
    _queue(bench, load.KILLED)
    bench.site.hold_mail(False)
    bench.await_mails(bench.size.kill_at)
    bench.site.kill_worker()
    killed_at = time.time()
    time.sleep(5)
    bench.site.start_worker()
    bench.site.await_idle(180)
    bench.sink.read()
    after = [at for at in bench.sink.times if at > killed_at + 1]
    states = dict(bench.site.database.execute(FATES, [load.KILLED]).fetchall())
    unknown = {address for address, state in states.items() if state == "unknown"}
    missing = {load.address(n) for n in range(bench.size.blast)} - set(bench.sink.got)
    bench.note(
        K1_lost=len(missing - unknown),
        K1_twice=sum(len(some) - 1 for some in bench.sink.got.values()),
        K1_shown_as_unknown=len(unknown),
        K1_gap_s=min(after) - killed_at,
        K1_all_sent_after_s=max(after) - killed_at,
        K1_sent_but_not_in_sink=sum(state == "sent" and address in missing for address, state in states.items()),
    )


FATES = """
SELECT a.email, m.state FROM campaigns_message m JOIN contacts_address a ON a.id = m.address_id
JOIN campaigns_campaign c ON c.id = m.campaign_id WHERE c.name = %s
"""


def same_id_twice(bench: Bench) -> None:
    """D1: one message id in two requests is stored once."""
    body = load.batches([load.event("video.watched", 0, key="the-same")], 1)
    bench.post(body)
    bench.post(body)
    stored = bench.site.ask("SELECT count(*) FROM events_event WHERE type = 'video.watched'")
    bench.note(D1_stored_twice=stored - 1)


def trigger_twice(bench: Bench) -> None:
    """D2: the trigger twice in one request: one mail each."""
    people = range(bench.size.repeated)
    items = [load.event(load.REPEATED, n) for n in people for _ in range(2)]
    bench.post(load.batches(items, 200))
    bench.site.await_idle()
    bench.sink.read()
    bench.note(D2_not_exactly_one=sum(len(bench.sink.got[load.address(n)]) != 1 for n in people))


def trigger_again(bench: Bench) -> None:
    """D3: again, after it was worked off: no mail."""
    bench.post(load.batches((load.event(load.REPEATED, n) for n in range(bench.size.again)), 100))
    bench.site.await_idle()
    time.sleep(0.5)
    bench.note(D3_mails=bench.sink.read())


def most_memory(bench: Bench) -> None:
    """M: what the watch saw over all steps."""
    bench.watch.look()
    bench.note(M_together_mib=bench.watch.most, M_largest_process_mib=bench.watch.largest)


STEPS: dict[str, Callable[[Bench], None]] = {
    "I": identify, "I1": bulk_import, "E1": singles, "E2": hundreds, "E3": stored_then_worked_off,
    "S1": segments.attribute, "S2": segments.behaviour, "J0": trickle, "J1": burst, "B1": blast, "K1": killed,
    "D1": same_id_twice, "D2": trigger_twice, "D3": trigger_again, "V": segments.volume,
    "R": scores.measured, "M": most_memory,
}  # fmt: skip
# Who is mailed must have an address, which step I tells; the others make contacts of their own.
NEED_PEOPLE = {"S1", "J0", "J1", "B1", "K1", "D2", "D3"}


def problem(names: Sequence[str]) -> str:
    """Why these steps cannot be run in this order; empty where they can."""
    unknown = [name for name in names if name not in STEPS]
    if unknown:
        return f"There is no step {unknown[0] or '“”'}; the steps are {', '.join(STEPS)}."
    for place, name in enumerate(names):
        if name in NEED_PEOPLE and "I" not in names[:place]:
            return f"Step {name} writes to the contacts that step I makes; begin with I: --steps I,{','.join(names)}."
    return ""
