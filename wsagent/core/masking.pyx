"""
Masking: what a client does to every payload that it sends.

Compiled, this is in the place of masking.py, which explains it.
"""

import os

from cpython.bytes cimport PyBytes_FromStringAndSize

cdef extern from "masking.h" nogil:
    void wsagent_mask(
        unsigned char *target,
        const unsigned char *source,
        size_t length,
        const unsigned char *key,
    )

_POOL_SIZE = 256

_pool = []

getattr(os, "register_at_fork", lambda **_: None)(after_in_child=_pool.clear)


cdef inline bytes _masked(const unsigned char *source, Py_ssize_t length,
                          const unsigned char *key):
    """XOR octets with four of a key, repeated, into a new object."""
    masked = PyBytes_FromStringAndSize(NULL, length)
    cdef unsigned char *target = masked
    wsagent_mask(target, source, length, key)
    return masked


cpdef bytes applyMask(bytes payload, bytes key):
    """XOR a payload with a masking key, repeated."""
    if len(key) != 4:
        raise ValueError(f"{len(key)} octets of masking key, needed 4")
    return _masked(payload, len(payload), key)


cpdef bytes unmaskedSlice(bytes data, Py_ssize_t start, Py_ssize_t stop):
    """Unmask a payload where it stands in a segment, right after its key."""
    cdef const unsigned char *octets = data
    if not 4 <= start <= stop <= len(data):
        raise IndexError(f"{start}:{stop} of {len(data)} octets")
    return _masked(octets + start, stop - start, octets + start - 4)


cpdef bytes newKey():
    """Make a masking key that no observer can guess, and that is used once."""
    try:
        return _pool.pop()
    except IndexError:
        octets = os.urandom(4 * _POOL_SIZE)
        _pool.extend([octets[i : i + 4] for i in range(4, len(octets), 4)])
        return octets[:4]
