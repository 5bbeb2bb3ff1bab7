"""The fastest that one stream can be written: each token reads the active weights and the cache."""


def decode_roofline(
    *, bandwidth: float, weight_bytes_per_token: float, kv_bytes_per_token: float, context: int
) -> float:
    """Return tokens per second of one stream, without drafted tokens.

    roofline = bandwidth / (active weight bytes + context * KV bytes of a token). A real engine
    reaches .35 to .75 of it; more than it is a wrong measurement.

    Args:
        bandwidth: bytes per second of the GPU's memory.
        weight_bytes_per_token: bytes of the weights that one token reads (a mixture of experts
            reads its active experts only).
        kv_bytes_per_token: bytes that one token of context holds in the cache.
        context: tokens of context.

    Raises:
        ValueError: nothing is read, or a number is below 0.

    >>> round(decode_roofline(bandwidth=1792e9, weight_bytes_per_token=3.70e9,
    ...                       kv_bytes_per_token=24 * 1024, context=0))
    484
    """
    read = weight_bytes_per_token + context * kv_bytes_per_token
    if min(bandwidth, weight_bytes_per_token, kv_bytes_per_token, context) < 0 or read <= 0:
        raise ValueError("bytes and tokens are at least 0, and something is read for each token")
    return bandwidth / read
