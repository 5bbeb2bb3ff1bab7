"""Which row stands in which line of docs/benchmarks/README.md."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a table.

    Attributes:
        ours: the name of our row.
        peers: in the operator's table, the key in peers.json.
    """

    text: str
    ours: str
    peers: str = ""


OPERATOR: Final = (
    Line(text="last apply → every Deployment exists, 500", ours="deployments_exist_500"),
    Line(text="last apply → every model Ready, 500", ours="all_settled_500"),
    Line(
        text="begin of the apply → every model Ready, 500",
        ours="all_settled_from_first_500",
        peers="all_ready_500",
    ),
    Line(text="one model, created → Ready, 500", ours="applied_to_ready_each_500"),
    Line(text="writes for each model to quiet, 100", ours="writes_per_model_100",
         peers="writes_per_model_100"),
    Line(text="writes for each model to quiet, 500", ours="writes_per_model_500",
         peers="writes_per_model_500"),
    Line(text="events for each model, 500", ours="events_per_model_500"),
    Line(text="writes at rest, 100", ours="rest_writes_100", peers="rest_writes_100"),
    Line(text="writes at rest, 500", ours="rest_writes_500", peers="rest_writes_500"),
    Line(text="events at rest, 500", ours="rest_events_500", peers="rest_events_500"),
    Line(text="CPU at rest, 500, for each minute", ours="rest_cpu_per_minute_500",
         peers="rest_cpu_500"),
    Line(text="every Deployment labelled by hand: writes, 500", ours="touched_writes_500"),
    Line(text="restart: writes, 500", ours="restart_writes_500", peers="restart_writes_500"),
    Line(text="restart: quiet after, 500", ours="restart_quiet_500", peers="restart_quiet_500"),
    Line(text="spec change → Deployment changed, idle", ours="spec_change_idle_500",
         peers="spec_change_idle"),
    Line(text="spec change → Deployment changed, within the burst",
         ours="spec_change_in_burst_500", peers="spec_change_in_burst"),
    Line(text="operator's CPU to settle, 500", ours="cpu_to_settle_500", peers="cpu_500"),
    Line(text="operator's memory, 500", ours="rss_500", peers="rss_500"),
    Line(text="operator's memory, peak, 500", ours="rss_peak_500", peers="rss_peak_500"),
    Line(text="operator's memory, 2,000", ours="rss_2000"),
)  # fmt: skip

LOOP: Final = (
    Line(text="one iteration, small crate", ours="loop_iteration_small"),
    Line(text="one iteration, small crate, p99", ours="loop_iteration_small_p99"),
    Line(text="CPU of one iteration, small crate", ours="loop_iteration_small_cpu"),
    Line(text="one iteration, large crate", ours="loop_iteration_large"),
    Line(text="one iteration, large crate, p99", ours="loop_iteration_large_p99"),
    Line(text="CPU of one iteration, large crate", ours="loop_iteration_large_cpu"),
    Line(text="patch of 3 edits on a file of 10,000 lines", ours="patch_apply_10k"),
    Line(text="the compiler's JSON read", ours="diagnostics_read"),
    Line(text="memory with 100 repairs in flight", ours="loop_rss_100_repairs"),
    Line(text="memory with none", ours="loop_rss_idle"),
    Line(text="prompt reused by the next attempt, real engine", ours="prefix_reuse"),
    Line(text="replies that break the schema, real engine", ours="replies_invalid"),
    Line(text="replies cut at 200 tokens, real engine", ours="replies_cut"),
    Line(text="replies that compile, real engine, bundled model", ours="replies_compile"),
)

CHAT_PEERS: Final = ("litellm", "sglang-router", "direct")
CHAT: Final = (
    Line(text="added to a whole answer, 1 at once", ours="chat_whole_added_1"),
    Line(text="added to a whole answer, 8 at once", ours="chat_whole_added_8"),
    Line(text="added to a whole answer, 32 at once", ours="chat_whole_added_32"),
    Line(text="added to the first piece of a stream", ours="chat_first_piece_added"),
    Line(text="one piece of a stream, sent to received", ours="chat_piece_delay"),
    Line(text="added to a stream of 32 pieces, 1 at once", ours="chat_stream_added_1"),
    Line(text="added to a stream of 32 pieces, 8 at once", ours="chat_stream_added_8"),
    Line(text="added to a stream of 32 pieces, 32 at once", ours="chat_stream_added_32"),
    Line(text="whole answers, 1 at once", ours="chat_whole_rate_1"),
    Line(text="whole answers, 8 at once", ours="chat_whole_rate_8"),
    Line(text="whole answers, 32 at once", ours="chat_whole_rate_32"),
    Line(text="streams, 8 at once", ours="chat_stream_rate_8"),
    Line(text="streams, 32 at once", ours="chat_stream_rate_32"),
    Line(text="CPU of 1,000 whole answers", ours="chat_whole_cpu_per_1000"),
    Line(text="CPU of 1,000 streams", ours="chat_stream_cpu_per_1000"),
    Line(text="memory after all of it", ours="chat_rss"),
)

LOAD_PEERS: Final = ("sglang", "aiperf")
_LOADS: Final = {
    "1": "1 stream",
    "8": "8 streams",
    "32": "32 streams",
    "w3": "W3: 4 tokens a chunk",
}
_ERRORS: Final = {
    "ttft_p50": "TTFT p50", "ttft_p95": "TTFT p95", "ttft_p99": "TTFT p99",
    "itl_mean": "ITL mean", "itl_p99": "ITL p99", "rate": "output rate",
}  # fmt: skip
LOAD: Final = (
    *(
        Line(text=f"{load}: error of {what}", ours=f"load_{name}_error_{key}")
        for key, load in _LOADS.items()
        for name, what in _ERRORS.items()
    ),
    Line(text="32 streams: CPU of 1,000 chunks, start-up included", ours="load_cpu_per_1000"),
    Line(text="CPU of 1,000 more chunks", ours="load_cpu_per_1000_more"),
    Line(text="W5: failures noticed (of 14)", ours="load_w5_failures"),
    Line(text="W7: wait reported, p90", ours="load_w7_waited_p90"),
    Line(text="W8: tokens claimed (4,608 were written, none told)", ours="load_w8_claimed"),
)

GATED: Final = (
    Line(text="items measured, scripted replies", ours="repairs_scripted"),
    Line(text="items measured, tiny model on the real engine", ours="repairs_engine"),
    Line(text="swap: no engine is routed", ours="swap_downtime"),
    Line(text="swap: drain (routing stopped → old process ended)", ours="swap_drain"),
    Line(text="swap: stop (→ its pod gone)", ours="swap_stop"),
    Line(text="swap: make (→ new pod made)", ours="swap_make"),
    Line(text="swap: start (→ it is Ready)", ours="swap_start"),
    Line(text="swap: smoke (→ trial generation, routed again)", ours="swap_smoke"),
    Line(text="swap: Reflex's own part, make and smoke", ours="swap_own"),
    Line(text="failover: decision, rule true → routing stopped", ours="failover_decision"),
    Line(text="failover: no engine is routed", ours="failover_downtime"),
)

MEMORY_PEERS: Final = ("postgresql", "lancedb")
_SIZES: Final = {"1k": "1,000", "10k": "10,000", "100k": "100,000"}
_CALLS: Final = {
    "write": "write one, {} there", "search_text": "search by words, {} there",
    "search_vector": "search by vector, {} there",
}  # fmt: skip
MEMORY: Final = (
    Line(text="reflect(), rule-based with its vector", ours="reflect"),
    Line(text="reflect(), p99", ours="reflect_p99"),
    Line(text="reflect() with secrets taken out, as in the service", ours="reflect_redacted"),
    Line(text="the same, p99", ours="reflect_redacted_p99"),
    *(
        Line(text=what.format(words), ours=f"memory_{call}_{size}")
        for call, what in _CALLS.items()
        for size, words in _SIZES.items()
    ),
    Line(text="memory for 1,000 more", ours="memory_rss_per_1k"),
    Line(text="disk for 1,000 more", ours="memory_disk_per_1k"),
)
